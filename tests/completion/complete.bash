# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Prints how bash completes the line $2 with the functions of the file $1: the
# line is cut into words as readline would, at blanks and at '='.
# shellcheck source=../../patcher/completions/detachfix.bash
source "$1"
mapfile -t COMP_WORDS < <(sed 's/=/ = /g; s/  */ /g' <<<"$2" | tr ' ' '\n')
[[ $2 != *= ]] || unset 'COMP_WORDS[-1]'
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_detachfix
printf '%s\n' "${COMPREPLY[@]}"
