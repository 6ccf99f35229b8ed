#!/bin/bash
# A trace goes where the packet goes: its rounds are the flows that a real packet of the same bytes gets,
# and it leaves nothing behind. Rules that send packets round for ever are found by it, and sluiced's log
# tells how.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

modprobe -aq nf_conntrack 2>/dev/null
make_hosts 3
start_daemon auto || fail 'sluiced starts'
replace() { control rules br0 replace -f - --wait >/dev/null; }
replace <<END || fail 'rules'
priority=200,arp,actions=normal
priority=100,ip,actions=load:5->reg0,ct(table=1)
table=1,priority=9,reg0=5,ct_state=+trk+new,ip,in_port=v1,actions=ct(commit,table=2,exec(load:7->ct_mark))
table=1,priority=8,ct_state=+trk+est,ip,actions=normal
table=2,ct_mark=7,ip,actions=normal
END

# Before any packet.
control trace br0 'in_port=v1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2' | tee "$work/trace"
check 'a new connection is followed to its end' \
  grep -qz 'recirculation 1, .*ct_state=+new+trk.*table 1:.*recirculation 2, .*ct_mark=0x7.*table 2:.*NORMAL' "$work/trace"
control trace br0 'in_port=v1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2' --ct-next trk,est >"$work/trace"
check 'an established one as well' test "$(grep -c '^recirculation' "$work/trace")" = 1
check 'nothing was made or counted' test "$(counter recirculation_states)" = 0
rounds() { # ARGUMENTS: why each round of a trace came about, and what the datapath does with it
  control --json trace br0 "$@" | python3 -c '
import json, sys
for one in json.load(sys.stdin)["rounds"]:
    print(one.get("cause", {}).get("why", "-"), one["actions"])'
}
check 'the same in JSON' test "$(rounds 'in_port=v1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2' | cut -d' ' -f1 | xargs)" = '- conntrack conntrack'
check 'a state that cannot be' not control trace br0 in_port=v1,ip --ct-next new,est
control trace br0 in_port=v1,ip --ct-next new,tracked 2>"$work/error" >/dev/null
check 'or that is none' grep -q 'flag of ct_state' "$work/error"

# A packet, and its trace.
: >"$work/error"
ip netns exec h1 tcpdump -q -U -c 1 -w "$work/some.pcap" -i eth0 'icmp[0] = 8' 2>"$work/error" &
tcpdump=$!
wait_for grep -q listening "$work/error"
check 'a ping' ip netns exec h1 ping -q -c 1 -W 5 10.0.0.2
wait $tcpdump
dpctl dump-flows br0 >"$work/flows"
states=$(counter recirculation_states)
control trace br0 in_port=v1 "pcap:$work/some.pcap" >"$work/trace"
# Each round begins with what the one before it ended with, and the kernel has a flow of each.
ids=$(sed -n 's/^recirculation [0-9]*, recirc_id=\(0x[0-9a-f]*\):.*/\1/p' "$work/trace")
check 'a trace of its bytes has two more rounds' test "$(wc -w <<<"$ids")" = 2
for id in $ids; do
  check "the kernel has a flow of round $id" grep -q "recirc_id($id),.*in_port(1)" "$work/flows"
  check "and one that leads there" grep -q "actions:.*recirc($id)" "$work/flows"
done
check 'the trace has made no state' test "$(counter recirculation_states)" = "$states"
check 'flows are true' control flows br0 verify

# A hash: the bucket of the hash that is given.
echo 'group_id=1,type=select,selection_method=dp_hash,bucket=output:v1,bucket=output:v2' >"$work/groups"
echo 'priority=9,ip,actions=group:1' | control rules br0 replace -f - --groups "$work/groups" --wait >/dev/null
buckets=$(for hash in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  control trace br0 in_port=v3,ip --dp-hash $hash | grep '^datapath actions' | tail -n 1
done | sort | uniq -c)
check 'each hash has a bucket, and each bucket its share' test "$(awk '{print $1}' <<<"$buckets" | xargs)" = '8 8'

# A loop.
replace <<END || fail 'rules with a loop'
priority=200,arp,actions=normal
priority=100,ip,actions=resubmit(,1)
table=1,ip,actions=ct(table=0)
END
control trace br0 'in_port=v1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2' >"$work/trace"
check 'a trace finds a loop, and whose it is' grep -qz 'loop: .*rule table=1,.*ct(table=0).*(17 times)' "$work/trace"
ip netns exec h1 ping -q -c 1 -W 1 10.0.0.2 >/dev/null
wait_for grep -q 'sluicectl trace' "$work/sluiced.log"
grep 'sluicectl trace' "$work/sluiced.log"
check 'a packet in a loop is dropped, and counted' test "$(counter upcall_verdict_drop_recirc_loop)" -ge 1
check 'the log tells the rule' grep -q 'drop_recirc_loop.*rule table=1,.*ct(table=0)' "$work/sluiced.log"
said=$(sed -n "s/.*sluicectl trace br0 '\([^']*\)'.*/\1/p" "$work/sluiced.log" | head -n 1)
control trace br0 "$said" >"$work/trace"
check 'and how to see its way' grep -qz 'table 0:.*loop: .*rule table=1,' "$work/trace"
finish
