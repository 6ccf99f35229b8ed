#compdef dpctl
# zsh completion for dpctl(8), which answers by itself what may stand where.

_dpctl() {
  local line text about
  local -a done done_about open open_about
  local -i files=0
  for line in "${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
    text=${line%%$'\t'*} about=${line#*$'\t'}
    case $text in
      '') ;;
      :files) files=1 ;;
      *[\(=,])
        open+=("$text")
        open_about+=("$text${about:+  -- $about}")
        ;;
      *)
        done+=("$text")
        done_about+=("$text${about:+  -- $about}")
        ;;
    esac
  done
  (($#done)) && compadd -l -d done_about -a done
  (($#open)) && compadd -l -S '' -d open_about -a open
  ((files)) && _files
  return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _dpctl "$@"
else
  compdef _dpctl dpctl
fi
