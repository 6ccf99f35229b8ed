#!/bin/bash
# Mirrors: what a monitoring host sees of others' traffic, on a port of its own and in a VLAN.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 5
cat >"$work/br0.rules" <<'END'
priority=0,actions=normal
priority=10,dl_dst=0a:00:00:00:00:e1,actions=set_field:0a:00:00:00:00:e2->dl_dst,output:v2
priority=10,dl_dst=0a:00:00:00:00:e3,actions=output:v4
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - name: br0
    rules: $work/br0.rules
    mirrors:
      - {name: span, select_src_port: [v1], select_dst_port: [v1], output_port: v4}
    ports: [{name: v1, vlan: 10}, {name: v2, vlan: 10}, {name: v3, vlan: 10}, {name: v4, vlan: 10}, v5]
END
run_daemon || fail 'sluiced starts'
loaded() { control rules br0 | grep -q e3; }
check 'the rules are taken' wait_for loaded
up() { control mirrors | grep -Eq "br0 +$1 .* up$"; }
check 'the mirror works' wait_for up span

# watch HOST FILTER: tcpdump there, into $work/seen.HOST.
dumps=()
watch() {
  ip netns exec "h$1" tcpdump -Ulnne -i eth0 "$2" >"$work/seen.$1" 2>"$work/tcpdump.$1" &
  dumps+=($!)
  wait_for grep -q listening "$work/tcpdump.$1"
}
unwatch() {
  kill "${dumps[@]}" 2>/dev/null
  wait "${dumps[@]}"
  dumps=()
}
# seen HOST TEXT TIMES
seen() { test "$(grep -c "$2" "$work/seen.$1")" = "$3"; }

check 'hosts know each other' reach 1 10.0.0.2
reach 2 10.0.0.3
watch 4 'icmp'
check 'hosts talk' reach 1 10.0.0.2
check 'requests are seen once each' wait_for seen 4 'echo request' 3
check 'and answers' wait_for seen 4 'echo reply' 3
check 'others talk' reach 2 10.0.0.3
check 'which is not seen' seen 4 'echo request' 3
unwatch
took() {
  control --json mirrors | python3 -c '
import json, sys
assert int(json.load(sys.stdin)["mirrors"][0]["packets"]) >= 6'
}
check 'the mirror tells what it took' wait_for took
check 'nothing is learned at its port' not grep -q v4 <(control fdb br0)
ip netns exec h4 ping -q -c 1 -W 0.3 10.0.0.1 >/dev/null
check 'and what comes from it is dropped' test "$(counter upcall_verdict_drop_mirror_port)" -ge 1

# send FROM TO: one raw frame of an EtherType of nobody.
send() {
  ip netns exec "h$1" python3 - "$2" <<'END'
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
target = bytes.fromhex(sys.argv[1].replace(":", ""))
raw.send(target + bytes.fromhex("0a00000000a5") + b"\x88\xb5" + b"sluice" * 30)
END
}
watch 4 'ether proto 0x88b5'
watch 2 'ether proto 0x88b5'
send 1 0a:00:00:00:00:e1
check 'a rule changes the packet' wait_for seen 2 '> 0a:00:00:00:00:e2' 1
check 'the mirror has it as it came' wait_for seen 4 '> 0a:00:00:00:00:e1' 1
send 2 0a:00:00:00:00:e3
send 1 0a:00:00:00:00:e1
wait_for seen 4 '> 0a:00:00:00:00:e1' 2
check 'rules cannot send to its port' seen 4 '> 0a:00:00:00:00:e3' 0
unwatch

# Another selection, in place: a remote mirror of one VLAN, cut.
control mirrors del br0 span --dry-run | tee "$work/dry"
check 'a dry run tells' grep -q -- '- bridges.br0.mirrors.span.output_port: v4' "$work/dry"
check 'and changes nothing' up span
check 'mirrors are deleted' control mirrors del br0 span
check 'and added' control mirrors add br0 remote select_all=true 'select_vlan=[10]' output_vlan=99 snaplen=100
check 'an impossible one is refused' not control mirrors add br0 bad output_port=v9 select_all=true
check 'it works' up remote
watch 5 'vlan 99'
send 1 0a:00:00:00:00:e1
# Others of the VLAN may speak too.
check 'its copies carry the VLAN' wait_for seen 5 '> 0a:00:00:00:00:e1.*vlan 99' 1
# Of 100 bytes, and the tag.
check 'and are cut' grep -q 'length 104:' "$work/seen.5"
unwatch
# What travels in that VLAN is flooded, and teaches nothing.
ip -n h5 link add eth0.99 link eth0 type vlan id 99
ip -n h5 link set eth0.99 address 0a:00:00:00:00:59 up
ip -n h5 addr add 10.9.0.5/24 dev eth0.99
ip netns exec h5 ping -q -c 1 -W 0.3 10.9.0.1 >/dev/null
control fdb br0 | tee "$work/fdb"
check 'nothing is learned in the VLAN of a mirror' not grep -Eq ' 99 +0a' "$work/fdb"
control mirrors
json_tells() {
  control --json mirrors list br0 | python3 -c '
import json, sys
mirror, = json.load(sys.stdin)["mirrors"]
assert mirror["name"] == "remote" and mirror["output_vlan"] == 99 and int(mirror["packets"]) >= 1, mirror
'
}
check 'JSON has it too' wait_for json_tells
control trace br0 'in_port=v1,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:e1' | tee "$work/trace"
check 'a trace tells of the mirror' grep -q remote "$work/trace"
check 'flows are what rules and mirrors say' control flows br0 verify
check 'no flow was refused' test "$(counter install_flow_errors)" = 0
finish
