#!/bin/bash
# Flows are shown, explained, checked, put right and purged, while traffic goes on; and what others do
# to them behind the agent's back is found.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
cat >"$work/br0.rules" <<'END'
table=0,priority=10,actions=resubmit(,1)
table=1,cookie=0x77,priority=50,ip,nw_dst=10.0.0.0/30,actions=normal
table=1,priority=0,actions=normal
END
# No rounds but those that are asked for, so that what this does to flows stays until it is looked at.
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
flows: {revalidate_interval: 60s, idle_timeout: 300s, limit: 64}
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2, v3]}
END
run_daemon
loaded() { control rules br0 | grep -q 'cookie=0x77'; }
check 'sluiced starts' wait_for loaded
check 'hosts talk' reach 1 10.0.0.2
check 'revalidate' control flows br0 revalidate

ufids() { sed -n 's/^ufid:\([^,]*\),.*/\1/p' "$1" | sort; }
dpctl dump-flows -m br0 >"$work/kernel"
control flows br0 | tee "$work/flows"
check 'dump: all that the kernel has' test -z "$(comm -23 <(ufids "$work/kernel") <(ufids "$work/flows"))"
check 'dump: flow, statistics, tables, actions' grep -q \
  'ufid:.*in_port(v1).*ipv4(dst=10.0.0.2/255.255.255.252.*packets:[1-9].*age:.*miss, tables:0+1,.*actions:v2' "$work/flows"
control --json flows all >"$work/flows.json"
check 'dump: JSON' python3 -c '
import json, sys
flows = json.load(open(sys.argv[1]))["flows"]
assert any(f["tables"] == [0, 1] and int(f["packets"]) > 0 and f["origin"] == "miss" for f in flows)' "$work/flows.json"
control --json flows nobr >"$work/none.json" 2>"$work/error"
check 'a bridge that is not there: status 1' test $? = 1
check 'and it is said' grep -q 'there is no bridge "nobr"' "$work/error"
check 'and nothing is printed' test ! -s "$work/none.json"

ufid=$(sed -n 's/^ufid:\([^,]*\),.*in_port(v1).*ipv4(dst=10.0.0.2.*/\1/p' "$work/flows" | head -1)
control explain "${ufid:0:12}" | tee "$work/why"
check 'explain: rules with table, priority, cookie' grep -q 'cookie=0x77.*table=1.*priority=50\|table=1.*cookie=0x77.*priority=50\|cookie=0x77, *table=1' "$work/why"
check 'explain: addresses' grep -q '0a:00:00:00:00:02 in VLAN 0: asked for, on port v2' "$work/why"
check 'explain: who asked for the destination' grep -q 'nw_dst=10.0.0.[0-9]/30 .*the search of table 1' "$work/why"
check 'explain: who asked for the address' grep -q 'dl_dst=0a:00:00:00:00:02 .*the action NORMAL' "$work/why"
check 'explain: one that is not there' not control explain ffffffffff
check 'explain: what is no UFID' not control explain tcp

check 'verify: all right' control flows br0 verify
# Hosts speak IPv6 multicast when they please, which makes flows at any time: these are left out.
# What others do: another action, a flow more, a flow less.
key=$(dpctl dump-flows -m br0 | sed -n "s/^ufid:$ufid, \(.*\), packets:.*/\1/p")
dpctl mod-flow br0 "ufid:$ufid,$key" 3
dpctl add-flow br0 'recirc_id(0),in_port(2),eth(),eth_type(0x88b5)' 1
other=$(sed -n 's/^ufid:\([^,]*\),.*in_port(v2).*/\1/p' "$work/flows" | head -1)
dpctl del-flow br0 "ufid:$other"
dpctl dump-flows br0 | grep -v dst=33:33 | sed 's/packets:.*actions/actions/' | sort >"$work/before"
control flows br0 verify >"$work/found"
check 'verify: finds it, status 1' test $? = 1
cat "$work/found"
check 'verify: other actions' grep -q "^br0: differs: ufid:$ufid, .*: kernel: v3; agent: v2" "$work/found"
check 'verify: a foreign flow' grep -q '^br0: foreign: .*0x88b5' "$work/found"
check 'verify: a missing flow' grep -q "^br0: missing: ufid:$other" "$work/found"
dpctl dump-flows br0 | grep -v dst=33:33 | sed 's/packets:.*actions/actions/' | sort >"$work/after"
check 'verify changes nothing' diff "$work/before" "$work/after"

control flows br0 purge | tee "$work/purged"
check 'purge says how many' grep -q '^br0: .* [1-9][0-9]* deleted' "$work/purged"
check 'purge: they are gone' not dpctl get-flow br0 "ufid:$ufid"
check 'traffic goes on by upcalls' reach 1 10.0.0.2
check 'and has flows again' test "$(control flows br0 | wc -l)" -gt 0

# More flows than the limit of 64: the idlest go, packets are not lost, and flows that are busy stay.
ip netns exec h1 ping -q -i 0.02 -c 200 10.0.0.2 >"$work/ping" &
pinger=$!
ip netns exec h3 python3 - <<'END'
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for i in range(200):
    s.send(bytes.fromhex("0a0000000001" "0a0001000000") [:11] + bytes([i]) + bytes.fromhex("88b5") + bytes(46))
END
check 'at most 64 flows' test "$(dpctl dump-flows br0 | wc -l)" -le 64
check 'packets above the limit are counted' test "$(counter flowcache_full)" -gt 0
sleep 0.3 # until those of the flood are idle
control flows br0 revalidate | tee "$work/evicted"
check 'the idlest are deleted' grep -q 'deleted as the idlest of too many' "$work/evicted"
control status | tee "$work/status"
check 'and it is said' grep -q 'TOO MANY: the idlest are deleted after' "$work/status"
check 'in the log, too' wait_for grep -q 'more flows than the limit of 64' "$work/sluiced.log"
control flows br0 | grep 'in_port(v1).*dst=10.0.0.2' >"$work/busy"
check 'a busy flow stays' test -s "$work/busy"
control flows br0 revalidate >/dev/null
check 'the emergency ends' not grep -q 'TOO MANY' <(control status)
wait $pinger
check 'no packet was lost' grep -q ' 0% packet loss' "$work/ping"
check 'verify: all right again' control flows br0 verify --siblings 64
finish
