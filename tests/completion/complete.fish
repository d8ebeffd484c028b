# SPDX-License-Identifier: Apache-2.0
# Prints how fish completes the line $argv[2] with the functions of $argv[1].
source $argv[1]
complete -C $argv[2]
