#!/bin/bash
# How ports take part in switching: VLAN modes, ids of their own on the wire, protection, link-local
# protocols, and links that go down.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 6
# tagged HOST ID ADDRESS: a device for one VLAN on the host's wire.
tagged() {
  ip -n "h$1" link add "eth0.$2" link eth0 type vlan id "$2"
  ip -n "h$1" link set "eth0.$2" up
  ip -n "h$1" addr add "$3/24" dev "eth0.$2"
}
tagged 2 10 10.1.0.2
tagged 3 110 10.1.0.3
tagged 3 10 10.2.0.3
tagged 4 10 10.1.0.4
ip -n h1 addr add 10.1.0.1/24 dev eth0
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - name: br0
    rules: $work/br0.rules
    groups: $work/br0.groups
    ports:
      - {name: v1, vlan: 10}
      - {name: v2, vlan: 20, vlan_mode: native-untagged, protected: true}
      - {name: v3, vlan_map: [{wire: 110, vlan: 10}]}
      - {name: v4, vlan: 20, vlan_mode: native-tagged, trunks: [10]}
      - {name: v5, vlan: 20, protected: true}
      - {name: v6, vlan: 20}
END
cat >"$work/br0.rules" <<'END'
priority=0,actions=normal
priority=10,dl_dst=0a:00:00:00:00:ff,actions=group:1
END
echo 'group_id=1,type=ff,bucket=watch_port:v5,output:v5,bucket=watch_port:v6,output:v6' >"$work/br0.groups"
run_daemon || fail 'sluiced starts'
rules_there() { control rules br0 | grep -q group:1; }
wait_for rules_there || fail 'rules are loaded'
once() { ip netns exec "h$1" ping -q -c 1 -W 1 "$2" >/dev/null; }
control port list br0 | tee "$work/ports"
check 'ports tell their VLANs' grep -q 'trunk, native-untagged 20' "$work/ports"
check 'and their ids on the wire' grep -q '110=10' "$work/ports"

check 'access port to tagged on a native-untagged port' reach 1 10.1.0.2
check 'and to a VLAN that has another id on the wire' reach 1 10.1.0.3
check 'and to a native-tagged port' reach 1 10.1.0.4
check 'untagged on a native-untagged port is of its VLAN' reach 2 10.0.0.6
check 'and does not leave it' not once 2 10.0.0.1

check 'protected ports do not hear each other' not once 2 10.0.0.5
check 'but others do' reach 5 10.0.0.6

# send FROM TO [TAG]: one raw frame of an EtherType of nobody, TAG being in hex.
send() {
  ip netns exec "h$1" python3 - "$2" "${3-}" <<'END'
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
tag = b"\x81\x00" + bytes.fromhex(sys.argv[2]) if sys.argv[2] else b""
target = bytes.fromhex(sys.argv[1].replace(":", ""))
raw.send(target + bytes.fromhex("0a00000000a5") + tag + b"\x88\xb5" + b"sluice" * 10)
END
}
# hears HOST ADDRESS COMMAND...: whether the host hears a frame to the address while COMMAND runs, or
# within `patience` seconds: what shall not be heard is not waited for as long.
patience=60
hears() {
  local host=$1 address=$2
  shift 2
  ip netns exec "h$host" timeout "$patience" tcpdump -Uln -c 1 -i eth0 "ether dst $address" \
    >"$work/heard" 2>"$work/tcpdump" &
  local dump=$!
  wait_for grep -q listening "$work/tcpdump"
  "$@"
  wait $dump
}
check 'the id on the wire leads to the VLAN' hears 1 0a:00:00:00:00:e1 send 3 0a:00:00:00:00:e1 006e
patience=3
check 'the id that the VLAN has inside does not' not hears 1 0a:00:00:00:00:e2 send 3 0a:00:00:00:00:e2 000a
check 'link-local protocols are not forwarded' not hears 6 01:80:c2:00:00:0e send 5 01:80:c2:00:00:0e
patience=60
sed -i 's/^    rules:/    forward_bpdu: true\n    rules:/' "$work/sluiced.yaml"
kill -HUP $daemon
reloaded() { [[ $(counter config_reloads) == "$1" ]]; }
check 'the file is read again' wait_for reloaded 1
check 'unless it is said that they are' hears 6 01:80:c2:00:00:0e send 5 01:80:c2:00:00:0e

# A link that goes: its addresses are forgotten, floods leave the port out, groups fail over.
control rules br0 add 'priority=5,in_port=v1,actions=drop' >/dev/null
check 'a group of fast failover takes the first port' hears 5 0a:00:00:00:00:ff send 6 0a:00:00:00:00:ff
check 'the address is known' wait_for grep -q 0a:00:00:00:00:05 <(control fdb br0)
ip -n h5 link set eth0 down
no_link() { control port list br0 | grep -Eq "v$1 .* up +no "; }
check 'a link that goes is told' wait_for no_link 5
check 'its addresses are forgotten' not grep -q 0a:00:00:00:00:05 <(control fdb br0)
control trace br0 'in_port=v6,dl_src=0a:00:00:00:00:06,dl_dst=ff:ff:ff:ff:ff:ff' >"$work/trace"
check 'floods leave it out' not grep -Eq 'datapath actions: .*\bv5\b' "$work/trace"
check 'a group of fast failover takes the next port' hears 6 0a:00:00:00:00:ff send 2 0a:00:00:00:00:ff
check 'rules that were added over the API stay' grep -q 'in_port=v1' <(control rules br0)
ip -n h5 link set eth0 up
check 'the link comes back' wait_for not no_link 5
check 'and the group' hears 5 0a:00:00:00:00:ff send 6 0a:00:00:00:00:ff
control status
finish
