#!/bin/bash
# Labels are popped and what was behind them is looked at: the datapath is asked to look again, and the
# rest of the actions is done then, wherever the pop stood. A veth pair between two ports of the bridge
# brings back with a label what was sent out with one.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
ip link add lsp1 mtu 1600 type veth peer name lsp2 mtu 1600 # room for labels
ip link set lsp1 up
ip link set lsp2 up
for host in 1 2 3; do
  ip netns exec h$host python3 "${0%/*}/stateful.py" serve "$work/ready$host" &
  servers="${servers-} $!"
done
at() {  # HOST COMMAND...
  ip netns exec "h$1" python3 "${0%/*}/stateful.py" "${@:2}"
}
says_like() { [[ $("${@:2}") =~ $1 ]]; }
count_up() {  # COUNTER COMMAND...: whether the counter is higher after it, whatever it says
  local before
  before=$(counter "$1")
  "${@:2}" >/dev/null 2>&1
  (($(counter "$1") > before))
}

cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2, v3, lsp1, lsp2], rules: $work/br0.rules}
END
# From h1 all IP goes through the label switched path; back, and to find addresses, it does not.
base() {
  cat <<END
priority=200,arp,in_port=v1,actions=v2,v3
priority=200,arp,actions=v1
priority=200,icmp6,icmpv6_type=135,in_port=v1,actions=v2
priority=200,icmp6,icmpv6_type=136,in_port=v1,actions=v2
priority=100,ip,in_port=v2,actions=v1
priority=100,ip,in_port=v3,actions=v1
priority=100,ipv6,in_port=v2,actions=v1
priority=100,ip,in_port=v1,actions=push_mpls:0x8847,set_field:16->mpls_label,lsp1
priority=100,ipv6,in_port=v1,actions=push_mpls:0x8847,set_field:17->mpls_label,lsp1
END
}
replace() { control rules br0 replace -f - --wait "$@" >/dev/null; }
{
  base
  cat <<END
priority=90,mpls,in_port=lsp2,mpls_label=16,actions=load:7->reg0,pop_mpls:0x800,resubmit(,1),resubmit(,2)
priority=90,mpls,in_port=lsp2,mpls_label=17,actions=pop_mpls:0x86dd,resubmit(,1)
table=1,priority=9,tcp,tp_dst=80,actions=load:2->reg1
table=1,priority=9,ip,nw_ttl=5,actions=load:3->reg1
table=1,ipv6,ipv6_dst=fd00::2,actions=dec_ttl,output:v2
table=2,ip,reg0=7,reg1=2,nw_dst=10.0.0.2,actions=dec_ttl,output:v2
table=2,ip,reg0=7,reg1=3,nw_dst=10.0.0.3,actions=output:v3
END
} >"$work/labels.rules"
echo 'priority=0,actions=drop' >"$work/br0.rules"
run_daemon || fail 'sluiced starts'
cp "$work/labels.rules" "$work/br0.rules" # from the next start on
replace <"$work/labels.rules" || fail 'rules of labels'
for host in 1 2 3; do wait_for test -e "$work/ready$host" || fail "servers of h$host"; done

check 'tcp behind a label, by its port, and registers are kept' \
  says_like '10.0.0.2 80 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.2 80
check 'icmp behind a label, by its TTL' ip netns exec h1 ping -q -c 3 -i 0.05 -W 2 -t 5 10.0.0.3
check 'another TTL does not pass' not ip netns exec h1 ping -q -c 1 -W 1 -t 6 10.0.0.3
check 'IPv6 behind a label' says_like 'fd00::2 80 fd00::1 [0-9]+ hello' at 1 ask fd00::2 80
check 'fragments behind a label' ip netns exec h1 ping -q -c 3 -i 0.05 -W 2 -t 5 -s 3000 10.0.0.3
check 'flows are true' control flows br0 verify
check 'a flow pops and recirculates' grep -q 'pop_mpls.*,recirc(' <(control flows br0)

# --- What follows a pop survives a restart ---------------------------------------------------------
ip netns exec h1 ping -q -i 0.05 -w 60 -t 5 10.0.0.3 >"$work/ping" &
ping=$!
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
run_daemon || fail 'sluiced starts again'
check 'restart: flows were adopted' test "$(counter revalidator_adopted)" -ge 2
check 'restart: still by its TTL' ip netns exec h1 ping -q -c 3 -i 0.05 -W 2 -t 5 10.0.0.3
kill -INT "$ping"
wait "$ping"
check 'restart: no packet was lost' grep -q ' 0% packet loss' "$work/ping"
check 'restart: no packet came back to what nobody knows' \
  test "$(counter upcall_verdict_drop_unknown_recirc)" = 0

# --- In copies, groups and action sets --------------------------------------------------------------
echo 'group_id=1,type=all,bucket=actions=pop_mpls:0x800,dec_ttl,output:v2,bucket=actions=output:v3' >"$work/groups"
{
  base
  cat <<END
priority=90,mpls,in_port=lsp2,actions=clone(pop_mpls:0x800,resubmit(,1)),lsp2,resubmit(,3)
table=1,tcp,tp_dst=80,actions=clone(dec_ttl,dec_ttl),resubmit(,2)
table=2,tcp,nw_ttl=64,nw_dst=10.0.0.2,actions=set_field:10.0.0.1->ip_src,v2
table=3,priority=9,mpls,mpls_bos=0,actions=v2
END
} | replace || fail 'rules with clone'
check 'in a clone, with resubmits behind' says_like '10.0.0.2 80 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.2 80
{
  base
  echo 'priority=90,mpls,in_port=lsp2,actions=group:1'
} | replace --groups "$work/groups" || fail 'rules with a group'
check 'in a bucket, with the TTL behind' says_like '10.0.0.2 80 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.2 80
{
  base
  echo 'priority=90,mpls,in_port=lsp2,actions=write_actions(pop_mpls:0x800,dec_ttl,set_field:0x20->nw_tos,output:v2)'
} | replace || fail 'rules with an action set'
check 'in an action set' says_like '10.0.0.2 80 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.2 80
check 'flows are true' control flows br0 verify

# --- A loop ends ----------------------------------------------------------------------------------
{
  base
  cat <<END
priority=90,mpls,in_port=lsp2,actions=pop_mpls:0x800,resubmit(,1)
table=1,ip,actions=push_mpls:0x8847,pop_mpls:0x800,resubmit(,1)
END
} | replace || fail 'rules with a loop'
check 'a loop is dropped, and counted' count_up upcall_verdict_drop_recirc_loop at 1 udp 10.0.0.2 7 10
check 'nothing was refused' test "$(counter install_flow_errors)$(counter install_execute_errors)" = 00
control counters | grep -E 'recirc|drop_|error|refused' || true
# shellcheck disable=SC2086
kill $servers
finish
