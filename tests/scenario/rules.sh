#!/bin/bash
# Rules decide: from a file and over the API, all at once, with what they did counted, and traffic
# follows them as soon as --wait returns.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
cat >"$work/br0.rules" <<'END'
# h1 and h2 talk, h3 hears nobody. Table 1 has the addresses.
table=0,priority=100,in_port=v3,actions=drop
table=0,priority=10,actions=resubmit(,1)
table=1,priority=50,arp,actions=flood
table=1,priority=50,ip,nw_dst=10.0.0.1,actions=output:v1
table=1,priority=50,ip,nw_dst=10.0.0.2,actions=output:v2
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2, v3]}
END
run_daemon || fail 'sluiced starts'
loaded() { control rules br0 | grep -q 'in_port=v3'; }
check 'the file is taken when its ports are there' wait_for loaded
check 'rules lead packets' reach 1 10.0.0.2
check 'and drop them' not reach 3 10.0.0.1

sleep 0.7 # a round of statistics
control rules br0 dump 'table=1,ip' | tee "$work/rules"
check 'packets are counted for their rules' grep -q 'n_packets=[1-9][0-9]*, .*nw_dst=10.0.0.2' "$work/rules"
check 'rules of other tables are not shown' not grep -q 'table=0' "$work/rules"

# A change is followed by each packet from the moment that --wait returns.
bad=0 changes=${SLUICE_RULE_CHANGES:-40}
for i in $(seq $((changes / 2))); do
  control rules br0 add --wait 'table=1,priority=60,ip,nw_dst=10.0.0.2,actions=drop' >/dev/null || bad=1
  ip netns exec h1 ping -q -c 1 -W 0.1 10.0.0.2 >/dev/null && { echo "$i: a packet passed"; bad=1; }
  control rules br0 del-strict --wait 'table=1,priority=60,ip,nw_dst=10.0.0.2' >/dev/null || bad=1
  ip netns exec h1 ping -q -c 1 -W 2 10.0.0.2 >/dev/null || { echo "$i: a packet was lost"; bad=1; }
done
check "rules changed $changes times: no packet on an old path" test $bad = 0

# All or nothing, and where the error is.
control rules br0 >"$work/before"
printf 'table=1,priority=1,actions=output:v1\ntable=1,tp_dst=80,actions=drop\n' >"$work/bad.rules"
control rules br0 replace -f "$work/bad.rules" 2>"$work/error"
check 'a file with an error is refused' test $? = 1
check 'its line is named' grep -q 'bad.rules:2: tp_dst needs' "$work/error"
rules_of() { sed 's/.*idle=[^ ]* //' "$1"; }
control rules br0 >"$work/after"
check 'and nothing has changed' diff <(rules_of "$work/before") <(rules_of "$work/after")

# What is there already stays.
has_packets() { control rules br0 dump 'table=1,ip,nw_dst=10.0.0.2' | grep -q 'n_packets=[1-9]'; }
check 'the rule has packets' has_packets
control rules br0 replace -f "$work/br0.rules" | tee "$work/report"
check 'replacing by the same changes nothing' grep -q '^0 added, 0 replaced, 0 modified, 0 deleted' "$work/report"
check 'statistics stay' has_packets

# What a replace would change is told, and nothing is changed.
sed 's/^table=1,priority=50,arp.*/table=1,priority=50,arp,actions=group:1/' "$work/br0.rules" >"$work/next.rules"
echo 'group_id=1,type=all,bucket=actions=output:v1,bucket=actions=output:v2' >"$work/next.groups"
control rules br0 diff -f "$work/br0.rules"
check 'the same rules differ in nothing' test $? = 0
control rules br0 diff -f "$work/next.rules" --groups "$work/next.groups" | tee "$work/diff"
check 'other rules differ' test "${PIPESTATUS[0]}" = 1
check 'in the rule and the group that change' test "$(cut -c1-11 "$work/diff" | tr '\n' ' ')" = '+group_id=1 -table=1,pr +table=1,pr '
control rules br0 diff -f "$work/bad.rules" 2>/dev/null
check 'what cannot be read cannot be compared' test $? = 2

control groups br0 add 'group_id=1,type=all,bucket=actions=output:v1,bucket=actions=output:v2'
control groups br0 add 'group_id=1,type=all,bucket=actions=output:v1' 2>"$work/error"
check 'a group that is there cannot be added' grep -q 'group 1' "$work/error"
check 'a group that is not there cannot be changed' not control groups br0 mod 'group_id=2,type=all'
check 'unless it may be created' control groups br0 mod --may-create 'group_id=2,type=indirect,bucket=actions=output:v3'
check 'groups are shown' test "$(control groups br0 | grep -c 'n_packets=0, n_bytes=0, group_id=')" = 2
control rules br0 replace -f "$work/next.rules" --groups "$work/next.groups" --wait
ip -n h1 neigh flush all
check 'a group leads packets' reach 1 10.0.0.2
group_counts() { control groups br0 | grep -A1 group_id=1 | grep -q 'bucket 0: n_packets=[1-9]'; }
check 'and counts them by bucket' wait_for group_counts
check 'all groups go' control groups br0 del
check 'with the rules that led to them' test "$(control rules br0 dump table=1,arp | wc -l)" = 0
control rules br0 replace -f "$work/br0.rules" --wait

# A routed flow: one megaflow for every TTL.
control rules br0 add 'table=1,priority=70,ip,nw_dst=10.0.0.2,actions=dec_ttl,output:v2' >/dev/null
for ttl in 9 10 11 12 13 14; do ip netns exec h1 ping -q -c 1 -t $ttl -W 2 10.0.0.2 >/dev/null; done
dpctl dump-flows br0 | tee "$work/flows"
check 'one flow serves all TTLs' test "$(grep -c 'in_port(1).*dec_ttl' "$work/flows")" = 1

control trace br0 'in_port=v1,tcp,nw_dst=10.0.0.2,nw_ttl=64,tp_dst=80' | tee "$work/trace"
check 'a trace tells table, rule and flow' grep -qz 'table 0:.*rule .*asked for.*table 1:.*dec_ttl.*datapath flow:.*datapath actions:' "$work/trace"
check 'a trace of a bridge that is not there' not control trace br9 'ip'

# Packets instead of flows.
arp=ffffffffffff0a000000000108060001080006040001:0a0000000001:0a000001:000000000000:0a000002
control trace br0 'in_port=v1,dl_src=0a:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_sha=0a:00:00:00:00:01' >"$work/trace"
check 'a hexadecimal packet is traced like its flow' cmp -s "$work/trace" <(control trace br0 in_port=v1 $arp)
ip netns exec h1 tcpdump -q -U -c 2 -w "$work/some.pcap" -i eth0 icmp 2>"$work/error" &
tcpdump=$!
wait_for grep -q listening "$work/error"
ip netns exec h1 ping -q -c 1 10.0.0.2 >/dev/null
wait $tcpdump
control trace br0 in_port=v1 "pcap:$work/some.pcap" >"$work/trace"
check 'all packets of a file are traced' grep -qz 'packet 1 of .*table 0:.*packet 2 of .*table 0:' "$work/trace"
control trace br0 in_port=v1 "pcap:$work/some.pcap:1" >"$work/trace"
check 'or one of them' test "$(grep -c '^packet .* of ' "$work/trace")" = 1
trace_error() { # WORDS ARGUMENTS...
  local words=$1
  shift
  ! control trace br0 "$@" >"$work/out" 2>"$work/error" && grep -q "$words" "$work/error" && [[ ! -s $work/out ]]
}
check 'a packet that is none' trace_error 'two digits a byte' in_port=v1 12z4
check 'one that is too short' trace_error 'an Ethernet header alone has 14' in_port=v1 1234
check 'a file that is not there' trace_error 'No such file' in_port=v1 pcap:/nonexistent
check 'a packet that the file does not have' trace_error 'has 2 packets, and no 3' in_port=v1 "pcap:$work/some.pcap:3"
check 'a flow that tells of headers too' trace_error 'only what the packet does not carry' in_port=v1,tcp $arp
control status
finish
