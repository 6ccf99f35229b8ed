#!/bin/bash
# Rules that change headers for which the kernel has no action: the agent changes the packets itself.
# Responders written in rules answer real arp, neighbour discovery and ping.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 2
# Nobody has these addresses: rules answer for them. 10.0.0.100 and fd00::100 are 0a:00:00:00:00:aa.
cat >"$work/br0.rules" <<'END'
table=0,priority=100,arp,arp_op=1,arp_tpa=10.0.0.100,actions=move:eth_src->eth_dst,set_field:0a:00:00:00:00:aa->eth_src,set_field:2->arp_op,move:arp_sha->arp_tha,set_field:0a:00:00:00:00:aa->arp_sha,move:arp_spa->arp_tpa,set_field:10.0.0.100->arp_spa,in_port
table=0,priority=100,icmp,nw_dst=10.0.0.100,icmp_type=8,actions=push:eth_src,push:eth_dst,pop:eth_src,pop:eth_dst,push:ip_src,push:ip_dst,pop:ip_src,pop:ip_dst,set_field:0->icmp_type,set_field:64->nw_ttl,in_port
table=0,priority=100,icmp6,icmpv6_type=135,nd_target=fd00::100,actions=move:eth_src->eth_dst,set_field:0a:00:00:00:00:aa->eth_src,move:ipv6_src->ipv6_dst,set_field:fd00::100->ipv6_src,set_field:136->icmpv6_type,set_field:0a:00:00:00:00:aa->nd_tll,in_port
table=0,priority=100,icmp6,ipv6_dst=fd00::100,icmpv6_type=128,actions=push:eth_src,push:eth_dst,pop:eth_src,pop:eth_dst,push:ipv6_src,push:ipv6_dst,pop:ipv6_src,pop:ipv6_dst,set_field:129->icmpv6_type,in_port
table=0,priority=10,actions=normal
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
flows: {idle_timeout: 300s} # a slow machine looks late
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2]}
END
run_daemon || fail 'sluiced starts'
loaded() { control rules br0 | grep -q 'arp_op=1'; }
check 'the rules are taken' wait_for loaded

neighbour() { ip -n "h$1" neigh show "$2" | grep -q '0a:00:00:00:00:aa'; }
check 'rules answer ARP and ping' reach 1 10.0.0.100
check 'with the address that they say' neighbour 1 10.0.0.100
check 'rules answer neighbour discovery and ping' reach 1 fd00::100
check 'with the address that they say' neighbour 1 fd00::100
check 'h2 is answered too' reach 2 10.0.0.100
check 'others are not disturbed' reach 1 10.0.0.2
check 'nor in IPv6' reach 2 fd00::1

# Each of these packets came up, as the kernel's flow says.
dpctl dump-flows br0 | tee "$work/flows"
check 'a flow hands them up' grep -q 'arp.*actions:userspace' "$work/flows"
before=$(counter slow_path_packets)
ip netns exec h1 ping -q -c 20 -i 0.01 10.0.0.100
check 'each packet of such a flow goes through the agent' \
  test "$(counter slow_path_packets)" -ge $((before + 20))
check 'and is given back once' test "$(counter slow_path_executes)" = "$(counter slow_path_packets)"
check 'none was refused' test "$(counter install_execute_errors)" = 0
counted() { control rules br0 dump 'icmp,nw_dst=10.0.0.100' | grep -q 'n_packets=26,'; }
check 'its rule counts each once' counted
control rules br0 dump 'icmp,nw_dst=10.0.0.100'

# Copies: the request goes on as it was, the answer comes back, and what is sent behind both is
# whole again.
control rules br0 add --wait 'priority=200,arp,in_port=v1,arp_op=1,arp_tpa=10.0.0.2,actions=clone(set_field:10.0.0.77->arp_spa,output:v2),output:v2' >/dev/null
ip netns exec h2 tcpdump -n -i eth0 -c 2 -w "$work/arp.pcap" 'arp[6:2] = 1' 2>"$work/tcpdump.log" &
dump=$!
wait_for grep -q 'listening on' "$work/tcpdump.log"
ip -n h1 neigh flush dev eth0
check 'hosts resolve each other' reach 1 10.0.0.2
wait $dump
ip netns exec h2 tcpdump -n -r "$work/arp.pcap" 2>/dev/null | tee "$work/arp"
check 'the copy was changed' grep -q 'who-has 10.0.0.2 tell 10.0.0.77' "$work/arp"
check 'the packet was not' grep -q 'who-has 10.0.0.2 tell 10.0.0.1,' "$work/arp"

control trace br0 'in_port=v1,arp,arp_op=1,arp_tpa=10.0.0.100,arp_sha=0a:00:00:00:00:01' | tee "$work/trace"
check 'a trace tells of it' grep -qz 'verdict: slow_path.*datapath actions: userspace.*by the agent: .*set_masked(arp(' "$work/trace"
control counters | grep slow_path
finish
