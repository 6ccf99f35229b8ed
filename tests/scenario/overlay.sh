#!/bin/bash
# A bridge that spans three hosts: full mesh without loops, broadcasts in one flow, addresses that move
# between hosts, a host that is cut off and relayed to, hosts known by their VNI.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

# Hosts a, b and c (192.0.2.1 to 3) on one underlay, each with a machine mX (10.0.0.N) and a bridge br0.
ip netns add wire
ip netns exec wire sysctl -qw net.ipv4.ip_forward=1
number() { case $1 in a) echo 1 ;; b) echo 2 ;; c) echo 3 ;; esac; }
for host in a b c; do
  n=$(number $host)
  ip netns add $host
  ip netns add m$host
  ip -n $host link add under type veth peer name $host netns wire
  ip -n wire link set dev $host up
  ip -n wire route add "192.0.2.$n/32" dev $host
  ip netns exec wire sysctl -qw net.ipv4.conf.$host.proxy_arp=1
  ip -n $host link set lo up
  ip -n $host link set under up
  ip -n $host addr add "192.0.2.$n/24" dev under
  ip -n $host link add web type veth peer name eth0 netns m$host
  ip -n $host link set web up
  ip -n m$host link set eth0 address "0a:00:00:00:00:0$n" mtu 1400 up
  ip -n m$host addr add "10.0.0.$n/24" dev eth0
done
declare -A pids
ctl() { sluicectl --socket "$work/$1.sock" "${@:2}"; }
# overlay HOST TEXT: its configuration.
overlay() {
  cat >"$work/$1.yaml" <<YAML
control: {socket: $work/$1.sock}
bridges: [{name: br0, ports: [web], overlay: {$2}}]
YAML
}
peers() {
  local host out=
  for host in a b c; do
    [[ $host == "$1" ]] || out+="{name: to-$host, address: 192.0.2.$(number $host)${2:+, id: $((0x100 + $(number $host)))}},"
  done
  echo "peers: [${out%,}]"
}
for host in a b c; do
  overlay $host "vni: 7, heartbeat: 200ms, $(peers $host)"
  ip netns exec $host sluiced --config "$work/$host.yaml" 2>>"$work/sluiced.log" &
  pids[$host]=$!
done
up() { [[ $(ctl "$1" peers | grep -c ' up ') == 2 ]]; }
for host in a b c; do wait_for ctl $host status; wait_for up $host || fail "$host is up"; done
ctl a peers
reach() { ip netns exec "m$1" ping -q -c 3 -i 0.05 -W 2 "10.0.0.$(number "$2")" | grep -q ' 0% packet loss'; }
check 'a reaches b' reach a b
check 'b reaches c' reach b c
check 'c reaches a' reach c a

# Broadcasts: one flow, all peers, each once, and nothing from one peer to another.
send() {
  ip netns exec "m$1" python3 - "$2" "$3" <<'END2'
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
mac = lambda text: bytes.fromhex(text.replace(":", ""))
raw.send(mac(sys.argv[2]) + mac(sys.argv[1]) + b"\x88\xb5" + b"sluice" * 10)
END2
}
for host in a b c; do
  ip netns exec m$host tcpdump -Unlei eth0 'ether proto 0x88b5' >"$work/heard.$host" 2>"$work/tcpdump.$host" &
  dumps+=($!)
  wait_for grep -q listening "$work/tcpdump.$host"
done
for _ in 1 2 3; do send a 0a:00:00:00:00:01 ff:ff:ff:ff:ff:ff; done
heard() { [[ $(grep -c "$2" "$work/heard.$1") == "$3" ]]; }
check 'b hears each broadcast' wait_for heard b '0a:00:00:00:00:01 > ff:ff' 3
check 'c hears each broadcast' wait_for heard c '0a:00:00:00:00:01 > ff:ff' 3
ctl a flows br0 >"$work/flows"
one_flow() { [[ $(grep -c '192.0.2.2.*192.0.2.3' "$work/flows") -ge 1 ]]; }
check 'in one flow to both peers' one_flow
check 'flows are true' ctl a flows br0 verify

# An unknown destination is flooded once, by whoever has the sender; peers do not pass it on.
send a 0a:00:00:00:00:01 0a:00:00:00:00:77
check 'unknown destinations are heard at b' wait_for heard b '0a:00:00:00:00:01 > 0a:00:00:00:00:77' 1
check 'and c' wait_for heard c '0a:00:00:00:00:01 > 0a:00:00:00:00:77' 1

# An address moves from b to c: the first packet from there, such as a gratuitous ARP, moves it.
send b 0a:00:00:00:00:66 0a:00:00:00:00:01
at() { ctl "$1" --json fdb br0 show | python3 -c '
import json, sys
print(*[m["port"] for m in json.load(sys.stdin)["macs"] if m["mac"] == sys.argv[1]])' "$2"; }
is_at() { [[ $(at "$1" "$2") == "$3" ]]; }
check 'a knows an address behind b' wait_for is_at a 0a:00:00:00:00:66 to-b
send a 0a:00:00:00:00:01 0a:00:00:00:00:66
send a 0a:00:00:00:00:01 0a:00:00:00:00:66
check 'and sends there' wait_for heard b '0a:00:00:00:00:01 > 0a:00:00:00:00:66' 2
send c 0a:00:00:00:00:66 ff:ff:ff:ff:ff:ff
check 'the address moves to c' wait_for is_at a 0a:00:00:00:00:66 to-c
for _ in 1 2 3; do send a 0a:00:00:00:00:01 0a:00:00:00:00:66; done
check 'and packets with it' wait_for heard c '0a:00:00:00:00:01 > 0a:00:00:00:00:66' 3
check 'none goes where it was' heard b '0a:00:00:00:00:01 > 0a:00:00:00:00:66' 2

# c goes away, and comes back: a notices, and floods leave it out. Only its agent might be away: what is
# known to be there is still sent there.
peer_is() { ctl "$1" peers | grep -Eq "to-$2 .* $3 "; }
ip -n c link set under down
check 'a notices that c is gone' wait_for peer_is a c down
says() { local text; text=$(ctl a peers) && [[ $text == *"$1"* ]]; }
check 'and says why' says 'no answer to heartbeats any more'
check 'and is degraded' not ctl a status
check 'addresses behind it are kept' is_at a 0a:00:00:00:00:66 to-c
trace_of() { ctl a trace br0 "in_port=web,dl_src=0a:00:00:00:00:01,dl_dst=$1"; }
leads_to() { local text; text=$(trace_of "$1") && [[ $text == *"dst=192.0.2.$2"* ]]; }
check 'what is known to be there is sent there' leads_to 0a:00:00:00:00:66 3
check 'floods leave it out' not leads_to ff:ff:ff:ff:ff:ff 3
check 'but not the others' leads_to ff:ff:ff:ff:ff:ff 2
check 'a still reaches b' reach a b
ip -n c link set under up
check 'c comes back' wait_for peer_is a c up
check 'and is reached' wait_for reach a c

# The next hop to c does not answer: that is why c does not.
sysctl_a() { ip netns exec a sysctl -qw "net.ipv4.neigh.under.$1"; }
sysctl_a mcast_solicit=1
sysctl_a retrans_time_ms=100
ip netns exec wire sysctl -qw net.ipv4.conf.a.proxy_arp=0
ip -n a neigh del 192.0.2.3 dev under
check 'a neighbour that does not answer is the reason' wait_for says 'any more: neighbour 192.0.2.3 on under does not answer'
ip netns exec wire sysctl -qw net.ipv4.conf.a.proxy_arp=1
check 'c is back when it answers' wait_for peer_is a c up
check 'with no reason left' not says 'does not answer'

# The path to b takes less: it is found how much.
path_mtu() { ctl "$1" --json peers br0 | python3 -c '
import json, sys
ports = json.load(sys.stdin)["bridges"][0]["ports"]
print(*[p["peer"].get("path_mtu", p["peer"].get("pathMtu")) for p in ports if p["name"] == sys.argv[1]])' "to-$2"; }
mtu_between() { local mtu; mtu=$(path_mtu "$1" "$2") && ((mtu >= $3 && mtu <= $4)); }
inner_is() { local text; text=$(ctl a port list) && [[ $text == *"to 192.0.2.2 "*"mtu $1"* ]]; }
check 'what fits into the route is told' inner_is 1450
ip -n a link set under mtu 1400
check 'and told anew when it changes' wait_for inner_is 1350
ip -n a link set under mtu 1500
check 'and again' wait_for inner_is 1450
check 'the path takes what the machines send' wait_for mtu_between a b 1450 1450
ip -n wire link set dev b mtu 1300
check 'an MTU that is lowered on the way is found' wait_for mtu_between a b 1250 1250
mtus() { ctl a peers | grep -Eq "to-b .* up .*ms +$1 +$2"; }
check 'beside what the route takes' mtus 1450 1250
check 'others keep theirs' mtu_between a c 1450 1450
check 'and the peer stays up' peer_is a b up
ip -n wire link set dev b mtu 1500

# a and b cannot reach each other: c relays.
ip netns exec a ip route add blackhole 192.0.2.2/32
ip netns exec b ip route add blackhole 192.0.2.1/32
ip -n ma neigh flush dev eth0
ip -n mb neigh flush dev eth0
check 'a is cut off from b' not reach a b
check 'as there is no route' says 'no route to 192.0.2.2'
overlay a "vni: 7, peers: [{name: to-c, address: 192.0.2.3}]"
overlay b "vni: 7, peers: [{name: to-c, address: 192.0.2.3}]"
overlay c "vni: 7, $(peers c), relay: [[to-a, to-b]]"
for host in a b c; do kill -HUP "${pids[$host]}"; done
relays() { ctl c peers | grep -q 'relays to to-b'; }
check 'c is told to relay' wait_for relays
check 'and a reaches b through it' wait_for reach a b
send a 0a:00:00:00:00:01 ff:ff:ff:ff:ff:fe
check 'b hears broadcasts once' wait_for heard b '0a:00:00:00:00:01 > ff:ff:ff:ff:ff:fe' 1
check 'and a only what it sends' wait_for heard a '0a:00:00:00:00:01 > ff:ff:ff:ff:ff:fe' 1

# Known by the VNI: the key says who sends to whom.
ip netns exec a ip route del blackhole 192.0.2.2/32
ip netns exec b ip route del blackhole 192.0.2.1/32
for host in a b c; do
  overlay $host "identify: vni, id: $((0x100 + $(number $host))), $(peers $host ids)"
  kill -HUP "${pids[$host]}"
done
for host in a b c; do wait_for up $host; done
check 'known by the VNI, a reaches b' wait_for reach a b
keys() { ctl a peers | grep -Eq 'to-b .* in 1052930, out 1057025'; }
ctl a peers
check 'the key has both ids' keys
check 'and c reaches b' wait_for reach c b
kill "${dumps[@]}"
for host in a b c; do check "flows of $host are true" ctl $host flows br0 verify; done
kill "${pids[@]}"
finish
