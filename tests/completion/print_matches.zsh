# SPDX-License-Identifier: Apache-2.0
# For a zsh that is watched by complete.zsh: TAB prints what matches and ends
# the shell.
compadd() {
  # With these it only fills arrays for the completion function.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  typeset -a hits
  builtin compadd -O hits "$@"
  (( ! $#hits )) || print -lr -- "" $hits
  builtin compadd "$@"
}
begin_matches() { print -lr -- "" BEGIN-MATCHES }
end_matches() { print -lr -- "" END-MATCHES; exit }
compprefuncs=(begin_matches)
comppostfuncs=(end_matches)
bindkey '^I' complete-word
