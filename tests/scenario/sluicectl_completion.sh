#!/bin/bash
# What sluicectl tells the shells. The scripts are those of dpctl, which completion.sh types into all
# three shells.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
start_daemon per-cpu || fail 'sluiced starts'
is() {
  local told
  told=$(sluicectl __complete bash --socket "$work/sluiced.sock" "${@:2}" | cut -f1 | tr '\n' ' ')
  [[ ${told% } == "$1" ]] || { echo "told: $told"; return 1; }
}
check 'commands' is 'status' sta
check 'commands of commands' is 'add' port ad
check 'what is to be done' is 'mod mod-strict' rules br0 mo
check 'options, also those of all commands' is '--wait' rules br0 --w
check 'files' is ':files' rules br0 add -f ''
check 'bridges' is 'br0' rules ''
check 'ports' is 'v1 v2 v3' port set br0 v
check 'nothing where nothing is known' is '' status x
sluicectl completion tcsh 2>/dev/null
check 'a shell that is not known' test $? = 2
# shellcheck source=/dev/null
. <(sluicectl completion bash)
check 'bash asks' test "$(complete -p sluicectl)" = 'complete -F _sluicectl sluicectl'
finish
