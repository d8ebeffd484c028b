# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of detachfix's command line for bash. Commands, options and what
# an option takes are read from the program's own help when TAB is pressed, so
# that they are those of the program that will run. Works with and without the
# bash-completion package.

# The commands, a line each: "verify", "signatures list".
__detachfix_commands() {
  detachfix --help 2>/dev/null |
    sed -n '/^commands:$/,/^$/s/^  \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\)  .*/\1/p'
}

# The options of a command, a line each: its name, what it takes ("FILE", or
# "=CLASS" where only --option=value will do), and what it is for.
__detachfix_options() {
  # shellcheck disable=SC2086  # "signatures list" is two words
  detachfix $1 --help 2>/dev/null | awk '
    /^  -/ {
      name = $1
      type = /^  [^ ]+ [A-Z]/ && $2 ~ /^[A-Z\/]+(:.*)?$/ ? $2 : ""
      sub(/:.*/, "", type)
      if (match(name, /\[=[A-Z]+\]$/)) {
        type = substr(name, RSTART + 1, RLENGTH - 2)
        name = substr(name, 1, RSTART - 1)
      }
      text = substr($0, 28, 1) == " " ? substr($0, 29) : ""
      if (text == "") { getline text; sub(/^ +/, "", text) }
      count = split(name, names, ",")
      for (i = 1; i <= count; i++) print names[i] "\t" type "\t" text
    }'
}

# What stands behind the options of a command: "FILE", "DIR", "RUN".
__detachfix_operand() {
  # shellcheck disable=SC2086
  detachfix $1 --help 2>/dev/null |
    sed -n 's/^Usage:.*\[OPTIONS\] \[\{0,1\}\([A-Z]*\).*/\1/p'
}

# The ids of the runs in the ledger.
__detachfix_runs() {
  local ledger=${XDG_STATE_HOME:-$HOME/.local/state}/detachfix/ledger.sqlite i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
    --ledger) ledger=${COMP_WORDS[i + 1]} ;;
    esac
  done
  [ "$ledger" != = ] || ledger=${COMP_WORDS[i + 2]}
  detachfix history --ledger "$ledger" 2>/dev/null |
    sed -n 's/^\([0-9][-0-9a-f]*\)  .*/\1/p'
}

# Files that end with one of $2..., in any case, and folders.
__detachfix_files() {
  local word=$1 name ending
  shift
  compopt -o filenames 2>/dev/null
  while IFS= read -r name; do
    if [ -d "$name" ] || [ $# -eq 0 ]; then
      COMPREPLY+=("$name")
      continue
    fi
    for ending in "$@"; do
      [[ ${name,,} != *"$ending" ]] || COMPREPLY+=("$name")
    done
  done < <(compgen -f -- "$word")
}

__detachfix_words() {
  local word=$1
  shift
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

# Completes $3, which is what option $2 ("" for an operand) takes: a $1.
__detachfix_value() {
  local type=$1 option=$2 word=$3
  case $option:$type in
  --report:* | :REPORT) __detachfix_files "$word" .json .jsonl .csv .sarif .html ;;
  --ledger:*) __detachfix_files "$word" .sqlite ;;
  --svg:*) __detachfix_files "$word" .svg ;;
  --product:*) __detachfix_words "$word" nt4 nt4-tse ;;
  *:DIR)
    if [ "$command" = batch ] && [ -z "$option" ]; then
      __detachfix_files "$word"
    else
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
    fi
    ;;
  *:RUN) __detachfix_words "$word" "$(__detachfix_runs)" ;;
  *:CLASS) __detachfix_words "$word" exact rebased pattern ;;
  *:LEVEL) __detachfix_words "$word" RTM SP1 SP2 SP3 SP4 SP5 SP6 SP6a ;;
  *:BITS) __detachfix_words "$word" 40 56 128 ;;
  *:LOG) __detachfix_files "$word" .log ;;
  *:TABLE) __detachfix_files "$word" .toml ;;
  :ID)
    __detachfix_words "$word" \
      "$(detachfix signatures list 2>/dev/null | sed 's/ .*//')"
    ;;
  :FILE) __detachfix_files "$word" .dll .dl_ ;;
  *:FILE | *:OUT) __detachfix_files "$word" ;;
  esac
}

_detachfix() {
  local word=${COMP_WORDS[COMP_CWORD]} commands command options option='' type i
  local previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  commands=$(__detachfix_commands)
  command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    __detachfix_words "$word" --help --version \
      "$(cut -d ' ' -f 1 <<<"$commands" | sort -u)"
    return
  fi
  # Some commands are two words.
  if grep -q "^$command " <<<"$commands"; then
    if [ "$COMP_CWORD" -eq 2 ]; then
      __detachfix_words "$word" "$(sed -n "s/^$command //p" <<<"$commands")"
      return
    fi
    command+=" ${COMP_WORDS[2]}"
  fi
  grep -qx "$command" <<<"$commands" || return

  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      __detachfix_value "$(__detachfix_operand "$command")" '' "$word"
      return
    fi
  done
  options=$(__detachfix_options "$command")
  # "--option=value" comes as three words, since bash breaks words at '='.
  if [ "$word" = = ]; then
    option=$previous word=
  elif [ "$previous" = = ]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [ -n "$option" ]; then
    type=$(awk -F '\t' -v name="$option" '$1 == name { print $2 }' <<<"$options")
    __detachfix_value "${type#=}" "$option" "$word"
    return
  fi
  type=$(awk -F '\t' -v name="$previous" '$1 == name { print $2 }' <<<"$options")
  if [[ $type == [A-Z]* ]]; then
    __detachfix_value "$type" "$previous" "$word"
  elif [[ $word == -* ]]; then
    __detachfix_words "$word" "$(cut -f 1 <<<"$options")"
  else
    __detachfix_value "$(__detachfix_operand "$command")" '' "$word"
  fi
}

complete -F _detachfix detachfix
