#!/bin/bash
# A bridge of three hosts under steady traffic: a machine moves, a host is cut off and comes back, the way
# gets narrower, agents die under translated connections. Lost packets are counted, and only those may
# be lost that nobody could have delivered.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"
modprobe -aq nf_conntrack nf_nat 2>/dev/null

# Hosts a, b and c (192.0.2.1 to 3), a router `wire` between them; machines ma, mb, mc (10.0.0.N).
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
  ip netns exec wire sysctl -qw net.ipv4.conf.$host.proxy_arp=1 net.ipv4.neigh.$host.proxy_delay=0
  ip -n $host link set lo up
  ip -n $host link set under up
  ip -n $host addr add "192.0.2.$n/24" dev under
  ip -n $host link add web type veth peer name eth0 netns m$host
  ip -n $host link set web up
  ip -n m$host link set lo up
  ip -n m$host link set eth0 address "0a:00:00:00:00:0$n" mtu 1400 up
  ip -n m$host addr add "10.0.0.$n/24" dev eth0
done
# The machine that moves, now at b.
place() {
  ip -n "$1" link add moved type veth peer name eth0 netns mm
  ip -n mm link set eth0 address 0a:00:00:00:00:66 mtu 1400 up
  ip -n mm addr add 10.0.0.66/24 dev eth0
  ip -n "$1" link set moved up
}
ip netns add mm
place b

declare -A pids
ctl() { sluicectl --socket "$work/$1.sock" "${@:2}"; }
start() {
  ip netns exec "$1" sluiced --config "$work/$1.yaml" 2>>"$work/sluiced.log" &
  pids[$1]=$!
  wait_for ctl "$1" status
}
for host in a b c; do
  for other in a b c; do
    [[ $other == "$host" ]] || peers+="{name: to-$other, address: 192.0.2.$(number $other)},"
  done
  cat >"$work/$host.yaml" <<YAML
control: {socket: $work/$host.sock}
bridges:
  - name: br0
    ports: [web, moved]
    rules: $work/$host.rules
    overlay: {vni: 7, heartbeat: 200ms, peers: [${peers%,}]}
YAML
  peers=
  echo 'priority=0,actions=normal' >"$work/$host.rules"
done
# Who is behind 10.0.0.1 is known to others as 10.0.0.100.
cat >>"$work/a.rules" <<'RULES'
priority=100,ip,nw_src=10.0.0.1,nw_dst=10.0.0.2,tcp,in_port=web,actions=ct(commit,nat(src=10.0.0.100),table=1)
priority=100,ip,nw_dst=10.0.0.100,actions=ct(nat,table=1)
table=1,priority=0,actions=normal
RULES
for host in a b c; do start $host; done
ip -n mb neigh replace 10.0.0.100 lladdr 0a:00:00:00:00:01 dev eth0
peer_is() { ctl "$1" peers | grep -Eq "to-$2 .* $3 "; }
for host in a b c; do
  for other in a b c; do [[ $other == "$host" ]] || wait_for peer_is $host $other up || fail "$host has $other"; done
done

# What crosses the underlay, at a.
ip netns exec a tcpdump -Uni under -w "$work/under.pcap" 2>"$work/tcpdump" &
dump=$!
wait_for grep -q listening "$work/tcpdump"

stream=${0%/*}/stream.py
# flow NAME FROM TO ADDRESS PORT SIZE: numbered packets from one machine to another, from now on.
flow() {
  ip netns exec "$3" python3 "$stream" receive "$5" "$work/$1.got" &
  tools+=($!)
  ip netns exec "$2" python3 "$stream" send "$4" "$5" "$6" "$work/$1.next" &
  tools+=($!)
}
next() { python3 "$stream" next "$work/$1.next"; }
arrives() {  # NAME FROM: something that was sent from then on is there
  local lost n
  n=$(next "$1")
  read -r lost _ <<<"$(python3 "$stream" lost "$work/$1.got" "$2" "$n")"
  ((lost < n - $2))
}
# loses NAME FROM TO MOST: prints how many of those packets were lost.
loses() {
  local lost first last
  read -r lost first last <<<"$(python3 "$stream" lost "$work/$1.got" "$2" "$3")"
  echo "   $1: $lost of $(($3 - $2)) packets lost${first:+ (number $first to $last)}"
  ((lost <= $4))
}
# settled NAME NUMBER: packets below that number have had their time: later ones are there.
settled() { wait_for arrives "$1" "$2"; }
flow ab ma mb 10.0.0.2 7001 100
flow ac ma mc 10.0.0.3 7002 100
flow moving ma mm 10.0.0.66 7003 100
for name in ab ac moving; do
  wait_for next $name
  check "$name: packets arrive" wait_for arrives $name 0
done
# What is sent before an address is known may wait for it; from here on nothing has to.
declare -A begin
for name in ab ac moving; do begin[$name]=$(next $name); done
since() { begin[$1]=$(next "$1"); }
# unharmed WHEN NAME: it lost nothing since the last time.
unharmed() {
  local now
  now=$(next "$2")
  settled "$2" "$now"
  check "$1: $2 loses nothing" loses "$2" "${begin[$2]}" "$now" 0
  begin[$2]=$now
}

# --- A machine moves from b to c -----------------------------------------------------------------
for name in ab ac; do unharmed 'before' $name; done
unharmed before moving
leaves=$(next moving)
ip -n mm link del eth0
place c
# Its first packet, such as a gratuitous ARP, tells where it is now.
moved_up() { ctl c port list | grep -Eq 'moved .* up'; }
wait_for moved_up
ip netns exec mm arping -q -U -c 1 -I eth0 10.0.0.66 2>/dev/null || ip netns exec mm ping -q -c 1 -W 1 10.0.0.1 >/dev/null
at() { ctl "$1" --json fdb br0 show | python3 -c '
import json, sys
print(*[m["port"] for m in json.load(sys.stdin)["macs"] if m["mac"] == sys.argv[1]])' "$2"; }
is_at() { [[ $(at "$1" "$2") == "$3" ]]; }
check 'move: a knows where it is now' wait_for is_at a 0a:00:00:00:00:66 to-c
true_flows() { ctl "$1" flows br0 verify; }
check 'move: no flow leads to where it was' wait_for true_flows a
arrived=$(next moving)
settled moving "$arrived"
wait_for arrives moving "$arrived"
now=$(next moving)
settled moving "$now"
loses moving "$leaves" "$arrived" $((arrived - leaves))
check 'move: nothing is lost once it is there' loses moving "$arrived" "$now" 0
since moving
for name in ab ac; do unharmed move $name; done

# --- c is cut off, and comes back ----------------------------------------------------------------
cut=$(next ac)
ip -n c link set under down
check 'cut off: a notices' wait_for peer_is a c down
ip -n c link set under up
check 'cut off: and that it is back' wait_for peer_is a c up
wait_for arrives ac "$cut"
back=$(next ac)
settled ac "$back"
now=$(next ac)
settled ac "$now"
check 'cut off: all that is lost was sent meanwhile' loses ac "$cut" "$back" $((back - cut))
check 'cut off: nothing is lost afterwards' loses ac "$back" "$now" 0
since ac
unharmed 'cut off' ab
wait_for arrives moving "$(next moving)"
since moving

# --- The way to b takes less ---------------------------------------------------------------------
flow large ma mb 10.0.0.2 7004 1300
wait_for arrives large 0
ip -n wire link set dev b mtu 1300
path_mtu() { ctl "$1" --json peers br0 | python3 -c '
import json, sys
ports = json.load(sys.stdin)["bridges"][0]["ports"]
print(*[p["peer"].get("path_mtu", p["peer"].get("pathMtu")) for p in ports if p["name"] == sys.argv[1]])' "to-$2"; }
mtu_is() { [[ $(path_mtu "$1" "$2") == "$3" ]]; }
check 'narrower: it is found how much the path takes' wait_for mtu_is a b 1250
settled large "$(next large)"
narrow=$(next large)
loses large 0 "$narrow" "$narrow"
settled large "$narrow"
now=$(next large)
settled large "$now"
check 'narrower: senders of larger packets were told' loses large "$narrow" "$now" 0
unharmed narrower ab
unharmed narrower ac
ip -n wire link set dev b mtu 1500

# --- Agents die under translated connections ------------------------------------------------------
ip netns exec mb python3 "${0%/*}/stateful.py" serve "$work/ready" &
tools+=($!)
wait_for test -e "$work/ready"
for i in 1 2 3; do
  ip netns exec ma python3 "${0%/*}/stateful.py" talk 10.0.0.2 80 "$work/talk$i" >"$work/talk$i.out" 2>&1 &
  talkers+=($!)
done
rounds() { cat "$work/talk$1" 2>/dev/null || echo 0; }
each_beyond() { local i; for i in 1 2 3; do (($(rounds $i) > $1)) || return 1; done; }
most() { local i most=0; for i in 1 2 3; do (($(rounds $i) > most)) && most=$(rounds $i); done; echo "$most"; }
check 'restart: translated connections talk' wait_for each_beyond 10
check 'restart: the server sees the other address' grep -q 10.0.0.100 <(ip netns exec ma python3 "${0%/*}/stateful.py" ask 10.0.0.2 80)
for host in a b; do
  other=$([[ $host == a ]] && echo b || echo a)
  for name in ab ac moving; do since $name; done
  kill -9 "${pids[$host]}"
  wait "${pids[$host]}" 2>/dev/null
  check "restart of $host: $other takes it for down" wait_for peer_is "$other" "$host" down
  check "restart of $host: connections go on meanwhile" wait_for each_beyond $(($(most) + 10))
  start $host
  check "restart of $host: it is up again" wait_for peer_is "$other" "$host" up
  check "restart of $host: connections go on" wait_for each_beyond $(($(most) + 10))
  for name in ab ac moving; do unharmed "restart of $host" $name; done
done
check 'restart: new connections' grep -q 10.0.0.100 <(ip netns exec ma python3 "${0%/*}/stateful.py" ask 10.0.0.2 80)
kill "${talkers[@]}"
wait "${talkers[@]}"
check 'restart: no connection broke' test "$(grep -l rounds "$work"/talk?.out | wc -l)" = 3
for host in a b c; do check "flows of $host are true" wait_for true_flows $host; done
for name in ab ac moving; do
  check "$name: nothing came twice" test "$(python3 "$stream" twice "$work/$name.got")" = 0
done

# --- The underlay agrees -------------------------------------------------------------------------
kill "${tools[@]}" "$dump"
wait "$dump"
# Port and number of what is inside are at bytes 72 and 82 behind VXLAN.
crossed() {
  local filter="src 192.0.2.1 and dst $1 and udp port 4789 and ip[72:2] == 7003 and ip[82:4] $2"
  [[ -n $(tcpdump -nr "$work/under.pcap" "$filter" 2>/dev/null) ]]
}
check 'underlay: packets went to where the machine was' crossed 192.0.2.2 "< $leaves"
check 'underlay: none went there later' not crossed 192.0.2.2 ">= $arrived"
check 'underlay: they went to where it is' crossed 192.0.2.3 ">= $arrived"
check 'underlay: none of them before' not crossed 192.0.2.3 "< $leaves"
kill "${pids[@]}"
finish
