# SPDX-License-Identifier: Apache-2.0
# Completion of detachfix's command line for fish. Commands, options and what
# an option takes are read from the program's own help when TAB is pressed, so
# that they are those of the program that will run.

# The commands with what they do: "signatures list<TAB>list the builds ...".
function __detachfix_commands
    detachfix --help 2>/dev/null | string match -r '^  [a-z]+(?: [a-z]+)?  +[a-z].*' |
        string replace -rf '^  ([a-z]+(?: [a-z]+)?)  +(.*)' '$1\t$2'
end

# The options of a command, a line each: its name, what it takes ("FILE", or
# "=CLASS" where only --option=value will do), and what it is for.
function __detachfix_options -a command
    detachfix (string split ' ' -- $command) --help 2>/dev/null | awk '
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
end

# The ids of the runs in the ledger.
function __detachfix_runs
    set -l state $HOME/.local/state
    set -q XDG_STATE_HOME; and set state $XDG_STATE_HOME
    set -l ledger $state/detachfix/ledger.sqlite
    set -l words (commandline -opc)
    if set -l at (contains -i -- --ledger $words)
        set ledger $words[(math $at + 1)]
    else if set -l given (string match -r -- '^--ledger=(.*)' $words)
        set ledger $given[2]
    end
    detachfix history --ledger $ledger 2>/dev/null |
        string replace -rf '^([0-9][-0-9a-f]*)  \S+  (.*)' '$1\t$2'
end

# Files that end with one of the endings given, in any case, and folders.
function __detachfix_files -a word
    set -l endings (string escape --style=regex -- $argv[2..])
    set -l pattern .
    test -n "$endings"; and set pattern "(?i)(?:/|$(string join '|' -- $endings))\$"
    complete -C "'' $word" | string replace -r '\t.*' '' |
        string match -er -- $pattern
end

# What the option $argv[1] takes, of those of $argv[2..].
function __detachfix_type -a name
    string replace -rf "^$(string escape --style=regex -- $name)\t([^\t]*)\t.*" '$1' -- $argv[2..]
end

# Completes $argv[3], which is what option $argv[2] ("" for an operand) of the
# command $argv[4] takes: an $argv[1].
function __detachfix_value -a type option word command
    switch "$option:$type"
        case '--report:*' ':REPORT'
            __detachfix_files "$word" .json .jsonl .csv .sarif .html
        case '--ledger:*'
            __detachfix_files "$word" .sqlite
        case '--svg:*'
            __detachfix_files "$word" .svg
        case '--product:*'
            printf '%s\n' nt4 nt4-tse
        case '*:RUN'
            __detachfix_runs
        case '*:CLASS'
            printf '%s\n' exact rebased pattern
        case '*:LEVEL'
            printf '%s\n' RTM SP1 SP2 SP3 SP4 SP5 SP6 SP6a
        case '*:BITS'
            printf '%s\n' 40 56 128
        case '*:LOG'
            __detachfix_files "$word" .log
        case '*:TABLE'
            __detachfix_files "$word" .toml
        case ':ID'
            detachfix signatures list 2>/dev/null |
                string replace -rf '^(\S+) +(.*)' '$1\t$2'
        case ':FILE'
            __detachfix_files "$word" .dll .dl_
        case ':DIR'
            if test "$command" = batch
                __detachfix_files "$word"
            else
                __fish_complete_directories "$word" ''
            end
        case '*:DIR'
            __fish_complete_directories "$word" ''
        case '*:FILE' '*:OUT'
            __detachfix_files "$word"
    end
end

function __detachfix_operand -a command
    detachfix (string split ' ' -- $command) --help 2>/dev/null |
        string replace -rf '^Usage:.*\[OPTIONS\] \[?([A-Z]+).*' '$1'
end

function __detachfix_complete
    set -l words (commandline -opc)[2..]
    set -l word (commandline -ct)
    set -l commands (__detachfix_commands)
    if test (count $words) -eq 0
        string replace -r '^([a-z]+) [a-z]+\t.*' '$1' -- $commands | sort -u
        printf '%s\n' --help --version
        return
    end
    set -l command $words[1]
    # Some commands are two words.
    set -l second (string replace -rf "^$(string escape --style=regex -- $command) " '' -- $commands)
    if test -n "$second"
        if test (count $words) -eq 1
            printf '%s\n' $second
            return
        end
        set command "$command $words[2]"
    end
    string match -qr "^$(string escape --style=regex -- $command)\t" -- $commands; or return

    if contains -- -- $words
        __detachfix_value "$(__detachfix_operand $command)" '' "$word" $command
        return
    end
    set -l options (__detachfix_options $command)
    # --option=value in one word, or --option value in two.
    if set -l joined (string match -r -- '^(--[a-z-]+)=(.*)' $word)
        set -l type (__detachfix_type $joined[2] $options | string trim -l -c =)
        __detachfix_value "$type" $joined[2] "$joined[3]" $command |
            string replace -r -- '^' "$joined[2]="
        return
    end
    set -l type (__detachfix_type $words[-1] $options)
    if string match -qr '^[A-Z]' -- $type
        __detachfix_value $type $words[-1] "$word" $command
    else if string match -q -- '-*' $word
        string replace -r '\t[^\t]*\t' '\t' -- $options
    else
        __detachfix_value "$(__detachfix_operand $command)" '' "$word" $command
    end
end

complete -c detachfix -f -a '(__detachfix_complete)'
