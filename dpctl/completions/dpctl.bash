# bash completion for dpctl(8), which answers by itself what may stand where.
# shellcheck shell=bash

_dpctl() {
  local line=${COMP_LINE:0:COMP_POINT} words=() word i
  # bash parts words at '=', ':' and brackets, too: those that no blank parts are one here.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=${line#"${line%%[![:space:]]*}"}
    if ((i == 0)) || [[ $line == [[:space:]]* ]]; then
      line=${line#"${line%%[![:space:]]*}"}
      words+=("$word")
    else
      words[-1]+=$word
    fi
    line=${line#"$word"}
  done
  local typed=${words[-1]} text _about
  [[ ! $word =~ ^[=:\(\)]+$ ]] || word=
  local before=${typed%"$word"}  # what stands before the part that is replaced
  COMPREPLY=()
  while IFS=$'\t' read -r text _about; do
    if [[ $text == :files ]]; then
      compopt -o filenames
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
      continue
    fi
    [[ $text != *[\(=,] ]] || compopt -o nospace
    if [[ $typed != [\'\"]* && $text == *[^A-Za-z0-9_@%+=:,./-]* ]]; then
      printf -v text %q "$text"
      text=${text//\\,/,}
    fi
    COMPREPLY+=("${text#"$before"}")
  done < <("${words[0]}" __complete bash "${words[@]:1}" 2>/dev/null)
}
complete -F _dpctl dpctl
