#!/bin/bash
# Two hosts with a bridge each, and tunnels of every type between them: what leaves is on the wire as it
# should be, what comes finds its port, and the agent's death disturbs none of it.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

# make_host X N: in the namespace X the underlay address 192.0.2.N (2001:db8::N), and
# a machine "mX" (10.VLAN.0.N in each VLAN) on the port p of its bridge brX.
vlans=(10 20 30 40 50 60 70 80 90)
make_host() {
  ip netns add "m$1"
  ip -n "$1" link set lo up
  ip -n "$1" link set under up
  ip -n "$1" addr add "192.0.2.$2/24" dev under
  ip -n "$1" addr add "2001:db8::$2/64" dev under nodad
  ip -n "$1" link add p type veth peer name eth0 netns "m$1"
  ip -n "$1" link set p up
  ip -n "m$1" link set eth0 up
  ip -n "m$1" link set lo up
  local vlan
  for vlan in "${vlans[@]}"; do
    ip -n "m$1" link add "v$vlan" link eth0 type vlan id "$vlan"
    ip -n "m$1" link set "v$vlan" mtu 1400 up
    ip -n "m$1" addr add "10.$vlan.0.$2/24" dev "v$vlan"
  done
}
ip netns add a
ip netns add b
ip -n a link add under type veth peer name under netns b
for host in a:1:2 b:2:1; do
  IFS=: read -r name own other <<<"$host"
  make_host "$name" "$own"
  cat >"$work/$name.yaml" <<YAML
control: {socket: $work/$name.sock}
flows: {idle_timeout: 300s} # a slow machine looks late
bridges:
  - name: br$name
    rules: $work/$name.rules
    tunnel_options:
      tun_metadata0: {class: 0x102, type: 0x80}
      tun_metadata1: {class: 0x102, type: 0x01, length: 12, offset: 4}
    ports:
      - p
      - {name: vx, vlan: 10, tunnel: {type: vxlan, remote: 192.0.2.$other, key: 5}}
      - {name: vx6, vlan: 20, tunnel: {type: vxlan, remote: 192.0.2.$other, key: 6, tos: inherit, ttl: inherit}}
      - {name: gn, vlan: 30, tunnel: {type: geneve, remote: 192.0.2.$other, local: 192.0.2.$own, key: 7, csum: true}}
      - {name: gr, vlan: 40, tunnel: {type: gre, remote: 192.0.2.$other}}
      - {name: ipv6, vlan: 50, tunnel: {type: vxlan, remote: "2001:db8::$other", key: 5}}
      - {name: other, vlan: 60, tunnel: {type: vxlan, remote: 192.0.2.$other, key: 5, port: 4790, gbp: true, df: false}}
      - {name: gpe, vlan: 90, tunnel: {type: vxlan, remote: 192.0.2.$other, key: 11, port: 4791, gpe: true}}
      - {name: er, vlan: 70, tunnel: {type: erspan, remote: 192.0.2.$other, key: 9, erspan: {version: 1, index: 3}}}
      - {name: fl, trunks: [80], tunnel: {type: geneve, port: 6082, remote: flow, key: flow}}
YAML
  cat >"$work/$name.rules" <<RULES
priority=0,actions=normal
priority=9,in_port=p,dl_vlan=80,actions=set_field:192.0.2.$other->tun_dst,set_tunnel:0x50,set_field:0x7f->tun_metadata0,set_field:0x0102030405060708->tun_metadata1,output:fl
priority=9,in_port=fl,tun_id=0x50,tun_src=192.0.2.$other,tun_metadata0=0x7f/0xff,tun_metadata1=0x0102030405060708,actions=output:p
priority=8,in_port=fl,actions=drop
RULES
done
start() {
  ip netns exec "$1" sluiced --config "$work/$1.yaml" 2>>"$work/sluiced.log" &
  pids[$1]=$!
  wait_for ctl "$1" status
  wait_for has_rules "$1"
}
declare -A pids
ctl() { sluicectl --socket "$work/$1.sock" "${@:2}"; }
has_rules() { ctl "$1" rules "br$1" | grep -q 'tun_id=0x50'; }
start a
start b
ctl a status >"$work/status" || { cat "$work/status"; fail 'all ports are up'; }
ctl a port list | tee "$work/ports"
check 'ports tell their tunnels' grep -Eq 'vx6 .* vxlan .* to 192.0.2.2 key 6 over vxlan_sys_4789 tos inherit' "$work/ports"
check 'and GRE without key' grep -Eq 'gr .* gre .* key none over gre_sys' "$work/ports"

# What the rules of group policy are, until its port goes: one group may come in, any may leave.
group() { ctl a rules bra add --wait "priority=10,in_port=p,dl_vlan=60,actions=$1normal" >/dev/null; }
group 'set_field:0x1234->tun_gbp_id,set_field:0x08->tun_gbp_flags,' || fail 'rules of group policy'
ctl b rules brb add 'priority=8,in_port=other,actions=drop' >/dev/null || fail 'rules of group policy'
ctl b rules brb add --wait 'priority=9,in_port=other,tun_gbp_id=0x1234,tun_gbp_flags=0x08/0x08,actions=normal' >/dev/null

# Everything that crosses the underlay.
ip netns exec b tcpdump -Uni under -w "$work/under.pcap" 2>"$work/tcpdump" &
dump=$!
wait_for grep -q listening "$work/tcpdump"
reach_in() { ip netns exec ma ping -q -c 3 -i 0.05 -W 2 "10.$1.0.2" | grep -q ' 0% packet loss'; }
check 'VXLAN' reach_in 10
check 'another VNI of the same device' reach_in 20
check 'Geneve' reach_in 30
check 'GRE without key' reach_in 40
check 'VXLAN over IPv6' reach_in 50
check 'VXLAN on another UDP port, with group policy' reach_in 60
check 'VXLAN with the generic protocol extension' reach_in 90
check 'ERSPAN' reach_in 70
check 'where rules say whereto' reach_in 80
# What comes last: then all is written.
ip netns exec a ping -q -c 1 -W 2 192.0.2.2 >/dev/null
captured() { [[ -n $(tcpdump -nr "$work/under.pcap" 'icmp and src 192.0.2.2' 2>/dev/null) ]]; }
wait_for captured
kill $dump
wait $dump
tcpdump -nnv -r "$work/under.pcap" >"$work/under" 2>/dev/null
tr '\n' ' ' <"$work/under" | sed -E 's/ ([0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+ IP)/\n\1/g' >"$work/packets"
seen() { grep -Eq "$1" "$work/packets"; }
check 'VNI 5 is on the wire, not to be fragmented' seen 'flags \[DF\].*192.0.2.1.* > 192.0.2.2.4789: VXLAN.*vni 5'
check 'VNI 6 too' seen '> 192.0.2.2.4789: VXLAN.*vni 6'
check 'Geneve with its key' seen '> 192.0.2.2.6081: .*Geneve.*vni 0x7'
check 'GRE' seen '192.0.2.1 > 192.0.2.2: GREv0'
check 'VXLAN in IPv6' seen '2001:db8::1.* > 2001:db8::2.4789: .*VXLAN'
check 'another port, and it may be fragmented' seen 'flags \[none\].*192.0.2.1.* > 192.0.2.2.4790'
hex_of() { tcpdump -nxr "$work/under.pcap" "dst host 192.0.2.2 and udp port $1" 2>/dev/null | sed -n 's/^\t0x[0-9a-f]*: *//p' | tr -d ' \n'; }
check 'the group policy that rules set, before VNI 5' grep -q '88081234''00000500' <(hex_of 4790)
check 'Ethernet by the generic protocol extension, VNI 11' grep -q '0c000003''00000b00' <(hex_of 4791)
check 'the UDP port of flow-based ones' seen '> 192.0.2.2.6082: '
check 'with the options that rules set' grep -q '01028001''0000007f''01020103''00000000''0102030405060708' <(hex_of 6082)

ctl b flows brb >"$work/flows"
check 'flows match the tunnel that tells the port' grep -Eq 'tunnel\(.*tun_id=0x5.*in_port\(vxlan_sys_4789\)' "$work/flows"
check 'and put packets into one' grep -Eq 'set\(tunnel\(tun_id=0x5,dst=192.0.2.1,ttl=64,flags\(df\)\)\),vxlan_sys_4789' "$work/flows"
check 'and an option that rules look at' grep -Eq 'tunnel\(.*geneve\(.*class=0x102,type=0x80,len=4,0x0000007f/0x000000ff\}.*in_port\(genev_sys_6082\)' "$work/flows"
check 'and the group policy that rules look at' grep -Eq 'tunnel\(.*vxlan\(gbp\(id=4660,flags=0x8/0x8' "$work/flows"
check 'flows are true' ctl b flows brb verify
check 'a trace knows tunnels' grep -q 'set(tunnel(tun_id=0x5' <(ctl a trace bra 'in_port=p,dl_vlan=10,dl_src=0a:00:00:00:00:09,dl_dst=ff:ff:ff:ff:ff:ff')

# Options that rules look at, and packets that have others, or none.
ctl b rules brb >"$work/rules"
dropped_in() { not reach_in "$1"; }
change() { ctl a rules bra add --wait "priority=10,in_port=p,dl_vlan=80,actions=set_field:192.0.2.2->tun_dst,set_tunnel:0x50,$1output:fl" >/dev/null; }
change 'set_field:0x7e->tun_metadata0,set_field:0x0102030405060708->tun_metadata1,'
check 'a packet with another value is dropped' dropped_in 80
change ''
check 'and one without options' dropped_in 80
change 'set_field:0x17f->tun_metadata0,set_field:0x0102030405060708->tun_metadata1,'
check 'bits that no rule reads do not matter' reach_in 80
check 'flows with options and without are true' ctl b flows brb verify
change 'set_field:1->tun_metadata2,' 2>"$work/error" && fail 'a field that stands for nothing was taken'
check 'a field that stands for nothing is refused' grep -q 'do not say what tun_metadata2 is' "$work/error"

# Packets of another group, and of none.
group 'set_field:0x1235->tun_gbp_id,set_field:0x08->tun_gbp_flags,'
check 'packets of another group are dropped' dropped_in 60
group ''
check 'and those of none' dropped_in 60
group 'set_field:0x1234->tun_gbp_id,set_field:0x48->tun_gbp_flags,'
check 'flags that no rule reads do not matter' reach_in 60
check 'flows with group policy and without are true' ctl b flows brb verify
ctl a rules bra del dl_vlan=60 >/dev/null
ctl b rules brb del --wait in_port=other >/dev/null

# A stream, with frames as large as fit.
ip netns exec mb python3 -c '
import socket
server = socket.create_server(("10.10.0.2", 5000))
print("ready", flush=True)
peer, _ = server.accept()
total = 0
while data := peer.recv(65536): total += len(data)
peer.sendall(str(total).encode())' >"$work/server" &
server=$!
wait_for grep -q ready "$work/server"
stream() {
  [[ $(ip netns exec ma python3 -c '
import socket
peer = socket.create_connection(("10.10.0.2", 5000))
peer.sendall(b"x" * 3000000)
peer.shutdown(socket.SHUT_WR)
print(peer.recv(100).decode())') == 3000000 ]]
}
check 'TCP through a tunnel' stream
wait $server

# A tunnel that nobody has.
count() { ctl "$1" --json counters --all | python3 -c '
import json, sys
print(next((c["value"] for c in json.load(sys.stdin)["counters"] if c["name"] == sys.argv[1]), 0))' "$2"; }
check 'a port is taken away' ctl b port del brb vx6
gone() { ! ip netns exec ma ping -q -c 1 -W 1 10.20.0.2 >/dev/null; }
check 'its packets find no port' gone
# Those of a key that no flow knows yet are asked for.
check 'a tunnel that the other end has not' ctl a port set bra vx6 'tunnel={type: vxlan, remote: 192.0.2.2, key: 99}'
unknown() {
  ip netns exec ma ping -q -c 1 -W 1 10.20.0.2 >/dev/null
  (($(count b upcall_verdict_drop_unknown_tunnel) > 0))
}
check 'is no port of that, and counted' wait_for unknown
check 'and is set back' ctl a port set bra vx6 'tunnel={type: vxlan, remote: 192.0.2.2, key: 6}'
check 'others of the device go on' reach_in 10
check 'the last of a device is taken away' ctl b port del brb other
no_device() { ! ip -n b link show vxlan_sys_4790 >/dev/null 2>&1; }
check 'and the device with it' wait_for no_device
check 'another is added' ctl b port add brb again vlan=20 'tunnel={type: vxlan, remote: 192.0.2.1, key: 6}'
check 'and works' wait_for reach_in 20
refused() { [[ $(ctl b port add brb twice 'tunnel={type: vxlan, remote: 192.0.2.1, key: 6}' 2>&1) == *'same packets'* ]]; }
check 'two ports for the same packets are refused' refused

# Death and return.
kill -9 "${pids[a]}"
wait "${pids[a]}" 2>/dev/null
check 'what has flows goes on without the agent' reach_in 10
start a
check 'the next agent takes the devices over' reach_in 30
check 'and all tunnels work' reach_in 50
check 'it made no device anew' test "$(count a tunnel_devices_made)" = 0
check 'its flows are true' ctl a flows bra verify
kill "${pids[@]}"
daemon=
finish
