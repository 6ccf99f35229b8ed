#!/bin/bash
# The desired state over the API: whole files and single edits, with a dry run, all or nothing.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
cat >"$work/sluiced.yaml" <<END
# this comment lives until the first edit
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2]}
END
run_daemon || fail 'sluiced starts'
is_port() { dpctl show br0 | grep -q " port .*: $1\$"; }
shows() { grep -qF -- "$1" "$work/out"; }

check 'the state is shown as the file has it' diff "$work/sluiced.yaml" <(control config)
check 'bridges are listed' test "$(control bridge list | grep -c '^br0 .* up$')" = 1
check 'ports are listed' test "$(control port list br0 | grep -cE '^br0 +v[12] ')" = 2
check 'of a bridge that is there' not control port list br9

control port add br0 v3 vlan=7 --dry-run | tee "$work/out"
check 'a dry run tells what would come' shows '+ bridges.br0.ports.v3.vlan: 7'
check 'and changes nothing' not is_port v3
check 'a port is added' control port add br0 v3
check 'it forwards as soon as the command returns' reach 1 10.0.0.3
check 'it cannot be added twice' not control port add br0 v3
check 'unless that is allowed' control port add br0 v3 --may-exist
control port set br0 v3 vlan=5000 2>"$work/out"
check 'a wrong value is refused' test $? = 1
check 'where it stands is told' shows 'ports[2].vlan: must be a number from 1 to 4094, not "5000"'
control port set br0 v3 'vlan=[' 2>"$work/out"
check 'as is what is no value' test $? = 1
check 'nothing has changed' reach 1 10.0.0.3
control port set br0 v3 vlan=7 | tee "$work/out"
check 'another VLAN' shows '+ bridges.br0.ports.v3.vlan: 7'
check 'separates' not reach 1 10.0.0.3
control port set br0 v3 vlan= | tee "$work/out"
check 'a key is taken away' shows '- bridges.br0.ports.v3.vlan: 7'
check 'and joins again' reach 1 10.0.0.3
check 'a port goes' control port del br0 v3
check 'and is no port any more' not is_port v3
check 'it cannot go twice' not control port del br0 v3
check 'unless that is allowed' control port del br0 v3 --if-exists
check 'a word without a key is wrong usage' test "$(control port set br0 v1 vlan 2>/dev/null; echo $?)" = 2

check 'a bridge is added' control bridge add br1 mac_aging=60s
check 'its device is there' ip link show br1
control bridge set br1 mac_aging=30s | tee "$work/out"
check 'its settings change' shows '~ bridges.br1.mac_aging: 60s -> 30s'
control config >"$work/edited.yaml"
check 'the state reads back' sluiced --check "$work/edited.yaml"
check 'a bridge goes' control bridge del br1
check 'with its device' not ip link show br1

# The whole state.
cat >"$work/next.rules" <<END
priority=5,in_port=v3,actions=drop
priority=0,actions=normal
END
cat >"$work/next.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, rules: $work/next.rules, ports: [v1, v2, v3]}
END
control apply -f "$work/next.yaml" --dry-run | tee "$work/out"
check 'a port is about to come' shows '+ bridges.br0.ports.v3'
check 'and rules, by names of ports to come' shows '+ bridges.br0.rules: table=0,priority=5,in_port=v3,actions=drop'
sed 's/in_port=v3/in_port=v9/' "$work/next.rules" >"$work/bad.rules"
sed "s/next.rules/bad.rules/" "$work/next.yaml" | control apply -f - 2>"$work/out"
check 'rules that are wrong are refused' test "${PIPESTATUS[1]}" = 1
check 'by file and line' shows 'bad.rules:1: '
check 'before anything has changed' not is_port v3
echo 'bridges: [{name: br0, prots: []}]' | control apply -f - 2>"$work/out"
check 'so is a wrong key' shows 'standard input:1:23: bridges[0]: unknown key "prots"; did you mean "ports"?'
check 'the state is applied' control apply -f "$work/next.yaml"
check 'rules lead at once' reach 1 10.0.0.2
check 'and drop' not reach 3 10.0.0.1
control apply -f "$work/next.yaml" | tee "$work/out"
check 'the same again changes nothing' test ! -s "$work/out"
control counters
check 'the kernel has refused no change' not grep -q change_errors <(control counters)
sed -i '1i flows: {limit: 5}' "$work/next.yaml"
control apply -f "$work/next.yaml" | tee "$work/out"
check 'what needs a start is told' shows 'note: handlers, dispatch, flows'
finish
