#!/bin/bash
# Groups that choose by the datapath's hash: connections stay where they are, weights count, a bucket
# whose port has no link gets nothing, and all that takes few flows however many connections there are.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
for host in 2 3; do
  ip -n h$host addr add 10.0.0.100/32 dev eth0
  ip netns exec h$host python3 "${0%/*}/stateful.py" serve "$work/ready$host" &
  servers="${servers-} $!"
done
ip -n h1 neigh replace 10.0.0.100 lladdr 0a:00:00:00:00:0f dev eth0
connections() { ip netns exec h1 python3 "${0%/*}/stateful.py" many 10.0.0.100 80 "$1"; }
says() { [[ $("${@:2}") == "$1" ]]; }
packets() { ip netns exec "h$1" cat /sys/class/net/eth0/statistics/rx_packets; }
# Flows of packets that came back with a hash.
hashed() { dpctl dump-flows br0 | grep -c 'dp_hash(0x[^)]*/'; }

start_daemon auto || fail 'sluiced starts'
for host in 2 3; do wait_for test -e "$work/ready$host" || fail "servers of h$host"; done
# balance GROUP: what h1 sends to the servers goes through it.
balance() {
  echo "$1" >"$work/groups"
  control rules br0 replace -f - --groups "$work/groups" --wait >/dev/null <<END
priority=9,tcp,in_port=v1,nw_dst=10.0.0.100,actions=load:7->reg0,group:1,resubmit(,1)
priority=0,actions=normal
table=1,reg0=7,tcp,tp_dst=81,actions=normal
END
}
bucket() { echo "bucket=weight:$1,watch_port:v$2,mod_dl_dst:0a:00:00:00:00:0$2,output:v$2"; }
# The share of h3, in percent, of what N connections send.
share() {
  local two three
  two=$(packets 2) three=$(packets 3)
  says '::ffff:10.0.0.100' connections "$1" || return 1
  two=$(($(packets 2) - two)) three=$(($(packets 3) - three))
  echo "   h2 got $two packets, h3 $three; $(hashed) flows with a hash" >&2
  echo $((100 * three / (two + three)))
}
between() { [[ -n $3 ]] && (($1 <= $3 && $3 <= $2)); }

balance "group_id=1,type=select,$(bucket 1 2),$(bucket 1 3)" || fail 'rules'
check 'two buckets: both get about half, and no connection breaks' between 30 70 "$(share 200)"
check 'which takes 16 flows at most' between 2 16 "$(hashed)"
balance "group_id=1,type=select,selection_method=dp_hash,selection_method_param=5,$(bucket 1 2),$(bucket 7 3)"
check 'weights of 1 and 7: seven of eight' between 75 97 "$(share 200)"
if dpctl features 2>/dev/null | grep -q '^hash_sym_l4 .*yes'; then
  most=16
else
  most=0 # the agent hashes
fi
balance "group_id=1,type=select,selection_method=symmetric_l4,$(bucket 1 2),$(bucket 1 3)"
before=$(hashed) # of the groups before: they stay until they are idle
check 'the symmetric hash: both get about half' between 30 70 "$(share 200)"
check "in $most further flows of the second half at most" test $(($(hashed) - before)) -le $most
balance "group_id=1,type=select,$(bucket 1 2),$(bucket 1 3)"
check 'flows are true' control flows br0 verify
ip link set v2 down
wait_for control flows br0 verify
check 'a bucket whose port has no link gets nothing' between 100 100 "$(share 40)"
ip link set v2 up
back() { between 20 80 "$(share 40 2>/dev/null)"; }
check 'and has its share again with the link' wait_for back
check 'nothing was refused' test "$(counter install_flow_errors)$(counter install_execute_errors)" = 00
# shellcheck disable=SC2086
kill $servers
finish
