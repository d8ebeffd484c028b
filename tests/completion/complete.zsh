# SPDX-License-Identifier: Apache-2.0
# Prints how zsh completes the line $2 with the function in the folder $1. Only
# a zsh with a terminal completes, so one is started on a pseudo-terminal and
# TAB is typed there.
zmodload zsh/zpty || exit
zpty shell zsh -f -i
zpty -w shell "PS1= PS2=; fpath=(${(q)1} \$fpath)"
zpty -w shell "autoload -U compinit; compinit -u -D"
zpty -w shell "source ${(q)0:A:h}/print_matches.zsh; print REA''DY"
while zpty -r shell line; do [[ $line != *READY* ]] || break; done
zpty -w -n shell "$2"$'\t'
inside=0
while zpty -r shell line; do
  case $line in
  *BEGIN-MATCHES*) inside=1 ;;
  *END-MATCHES*) break ;;
  *) (( ! inside )) || print -r -- ${line%%$'\r'*} ;;
  esac
done
zpty -d shell
