#!/bin/bash
# Packets that rules send to user space reach those who listen, and are not sent while nobody does.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 2
cat >"$work/br0.rules" <<'END'
table=0,cookie=0x77,priority=100,icmp,nw_dst=10.0.0.2,actions=controller(id=5,userdata=01.02.0a,max_len=60),output:v2
table=0,priority=90,ip,nw_dst=10.0.0.99,actions=dec_ttl,output:v2
table=0,priority=10,actions=normal
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2]}
END
run_daemon || fail 'sluiced starts'
loaded() { control rules br0 | grep -q 'controller'; }
check 'the rules are taken' wait_for loaded
ip -n h1 neigh add 10.0.0.99 lladdr 0a:00:00:00:00:99 dev eth0
sends_up() { dpctl dump-flows br0 | grep -q 'ipv4.*actions:.*userspace'; }
expire() { ip netns exec h1 ping -q -c 1 -t 1 -W 0.1 10.0.0.99 >/dev/null; }

check 'packets pass' reach 1 10.0.0.2
expire
check 'nothing is sent up while nobody listens' not sends_up
dpctl dump-flows br0 | grep dec_ttl
check 'the datapath drops what runs out by itself' eval 'dpctl dump-flows br0 | grep -q "dec_ttl(le_1(drop))"'
check 'and refuses no flow' test "$(counter install_flow_errors)" = 0
check 'nor is a packet whose TTL ran out' test "$(counter packet_ins_unheard)" = 0

# listen NAME OPTION...: what comes to $work/NAME, once the datapath knows of it.
listen() {
  local name=$1
  shift
  sluicectl --socket "$work/sluiced.sock" packet-ins br0 "$@" >"$work/$name" 2>"$work/$name.err" &
  listener=$!
  wait_for grep -q listening "$work/$name.err"
}
listen first --hex
check 'the flow that is there sends up as soon as somebody listens' sends_up
check 'packets pass still' reach 1 10.0.0.2
three() { [[ $(grep -c '^packet-in' "$work/first") == 3 ]]; }
check 'each has reached the listener' wait_for three
cat "$work/first"
check 'with what the rule says' grep -q 'table_id=0 cookie=0x77 total_len=98 in_port=v1 (via action) data_len=60 id=5 userdata=01.02.0a' "$work/first"
check 'with its headers' grep -q '^icmp,in_port=v1,.*nw_src=10.0.0.1,nw_dst=10.0.0.2,.*icmp_type=8' "$work/first"
check 'and its bytes' grep -q '^00000000  0a 00 00 00 00 02 0a 00 00 00 00 01 08 00 45' "$work/first"
expire
expired() { grep -q '(via invalid_ttl)' "$work/first"; }
check 'a packet whose TTL ran out is told of' wait_for expired
control status | tee "$work/status"
check 'status tells of it' grep -q 'packet-ins: 4 to 1 listeners, missed 0' "$work/status"

kill "$listener"
wait "$listener" 2>/dev/null
check 'when it has gone, nothing is sent up any more' wait_for not sends_up

listen json --json --count 1
check 'another listener' reach 1 10.0.0.2
wait "$listener"
check 'ends by itself after so many' test $? = 0
check 'JSON is one object a line' python3 -c '
import json, sys
[line] = open(sys.argv[1])
packet = json.loads(line)
assert packet["reason"] == "action" and packet["id"] == 5 and packet["length"] == 98, packet
assert packet["cookie"] == str(0x77) and packet["in_port_name"] == "v1", packet' "$work/json"

control packet-ins br9 2>"$work/error"
check 'of a bridge that is not there' test $? = 1
check 'is said' grep -q 'there is no bridge "br9"' "$work/error"

# Stopping does not wait for listeners.
listen last
kill "$daemon"
wait "$daemon"
check 'sluiced stops while somebody listens' test $? = 0
daemon=
wait "$listener"
finish
