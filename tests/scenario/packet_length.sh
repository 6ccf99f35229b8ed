#!/bin/bash
# Rules that ask for a packet's length: the kernel and the agent draw the line at the same byte, with and
# without tags, for segments that are not cut yet and for fragments that were put together.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
for host in 1 2; do # a VLAN, whose tag does not count
  ip -n h$host link add link eth0 name vlan10 type vlan id 10
  ip -n h$host link set vlan10 up
  ip -n h$host addr add 10.1.0.$host/24 dev vlan10
done
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2, v3], rules: $work/br0.rules}
END
echo 'priority=0,actions=normal' >"$work/br0.rules"
run_daemon || fail 'sluiced starts'
replace() { control rules br0 replace -f - --wait >/dev/null; }
# ttl_of BYTES ADDRESS: the TTL of what answers a ping of so many bytes of payload.
ttl_of() { ip netns exec h1 ping -c 1 -W 1 -s "$1" "$2" | sed -n 's/.* ttl=\([0-9]*\) .*/\1/p'; }
# line ADDRESS SHORTER LONGER TTL TTL: the line lies between two payloads.
line() { [[ $(ttl_of "$2" "$1") == "$4" && $(ttl_of "$3" "$1") == "$5" ]]; }

# --- Two ways, by the length ------------------------------------------------------------------------
# The longer ones go to h3 in h2's place; what it answers is known by its TTL.
ways() {  # LIMIT
  cat <<END
priority=100,icmp,in_port=v1,actions=check_pkt_larger($1)->reg0[0],resubmit(,1)
priority=90,ip,in_port=v3,actions=set_field:10.0.0.2->ip_src,set_field:33->nw_ttl,v1
priority=0,actions=normal
table=1,priority=9,ip,reg0=0/1,actions=v2
table=1,priority=2,icmp,nw_dst=10.0.0.2,actions=set_field:0a:00:00:00:00:03->eth_dst,set_field:10.0.0.3->ip_dst,v3
table=1,priority=1,actions=drop
END
}
ways 1014 | replace || fail 'rules with check_pkt_larger'
check 'the line is drawn at 1014 bytes' line 10.0.0.2 972 973 64 33
check 'the same by the flow' line 10.0.0.2 972 973 64 33
flows=$(control flows br0)
check 'a flow has both ways' grep -q 'check_pkt_len(size=1014,gt(set.*,le(' <<<"$flows"
check 'the outermost tag does not count' line 10.1.0.2 972 973 64 ''
check 'flows are true' control flows br0 verify

# A packet of 1015 bytes, as it would come.
bytes=$(python3 -c 'print("0a00000000020a00000000010800" "450003e900004000400100000a0000010a000002" + "0800000000000000" + "00" * 973)')
trace=$(control trace br0 in_port=v1 "$bytes")
check 'a trace tells the length' grep -q 'packet length 1015, longer than 1014' <<<"$trace"
check 'a trace shows both ways' test "$(grep -c '> resubmit(,1)' <<<"$trace")" = 2

# --- In the agent: rules answer ICMP, which the kernel cannot do ------------------------------------
answer() {  # ADDRESS
  echo "table=1,priority=8,icmp,icmp_type=8,nw_dst=$1,actions=move:eth_src->eth_dst,set_field:0a:00:00:00:00:02->eth_src,move:ip_src->ip_dst,set_field:$1->ip_src,set_field:0->icmp_type,set_field:99->nw_ttl,in_port"
}
{
  ways 1014
  answer 10.0.0.2
  answer 10.1.0.2
} | replace || fail 'rules that answer'
check 'the agent draws the same line' line 10.0.0.2 972 973 64 99
check 'and counts the outermost tag neither' line 10.1.0.2 972 973 64 99
check 'those were packets of the slow path' test "$(counter slow_path_packets)" -ge 4
check 'flows are true' control flows br0 verify

# --- Segments that are not cut yet ------------------------------------------------------------------
segments() {  # LIMIT: what is longer is dropped
  cat <<END
priority=100,tcp,actions=check_pkt_larger($1)->reg0[0],resubmit(,1)
priority=0,actions=normal
table=1,priority=9,reg0=0/1,actions=normal
END
}
pour() {  # SECONDS: whether a megabyte arrives before so many seconds are silent
  ip netns exec h2 python3 -c '
import socket, sys
server = socket.create_server(("10.0.0.2", 80))
open(sys.argv[1], "w").close()
peer = server.accept()[0]
peer.settimeout(float(sys.argv[2]))
got = 0
try:
    while got < 1000000:
        part = peer.recv(65536)
        if not part: break
        got += len(part)
except TimeoutError: pass
sys.exit(got < 1000000)' "$work/ready" "$1" &
  local server=$!
  wait_for test -e "$work/ready"
  ip netns exec h1 python3 -c '
import socket, sys
with socket.create_connection(("10.0.0.2", 80)) as c:
    c.settimeout(float(sys.argv[1]))
    try: c.sendall(bytes(1000000))
    except OSError: pass' "$1" 2>/dev/null
  rm "$work/ready"
  wait $server
}
segments 1514 | replace || fail 'rules of segments'
check 'segments of 1514 bytes are not longer than that' pour 5
segments 1513 | replace || fail 'rules of segments'
check 'and longer than 1513' not pour 1

# --- Fragments that were put together ---------------------------------------------------------------
fragments() {  # LIMIT
  cat <<END
priority=100,icmp,in_port=v1,actions=ct(table=1)
priority=0,actions=normal
table=1,icmp,actions=check_pkt_larger($1)->reg0[0],resubmit(,2)
table=2,priority=9,reg0=0/1,actions=v2
END
}
fragments 1514 | replace || fail 'rules of fragments'
check 'fragments put together are as long as the largest' test "$(ttl_of 3000 10.0.0.2)" = 64
fragments 1513 | replace || fail 'rules of fragments'
check 'and that is longer than a byte less' test "$(ttl_of 3000 10.0.0.2)" = ''
check 'flows are true' control flows br0 verify

# --- More comparisons in one another than one flow has ----------------------------------------------
{
  limits=''
  for bit in 0 1 2 3 4 5 6; do limits+="check_pkt_larger($((200 + 100 * bit)))->reg0[$bit],"; done
  cat <<END
priority=100,icmp,in_port=v1,actions=${limits}resubmit(,1)
priority=0,actions=normal
table=1,icmp,reg0=0x7/0x7f,actions=v2
END
} | replace || fail 'rules with seven comparisons'
check 'seven in one another: 401 to 500 bytes' test "$(ttl_of 359 10.0.0.2)$(ttl_of 458 10.0.0.2)" = 6464
check 'neither less' test "$(ttl_of 358 10.0.0.2)" = ''
check 'nor more' test "$(ttl_of 459 10.0.0.2)" = ''
check 'nothing was refused' test "$(counter install_flow_errors)$(counter install_execute_errors)" = 00

# --- A restart --------------------------------------------------------------------------------------
ways 1014 >"$work/br0.rules"
replace <"$work/br0.rules"
check 'before a restart' line 10.0.0.2 972 973 64 33
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
run_daemon || fail 'sluiced starts again'
check 'flows with both ways are adopted' test "$(counter revalidator_adopted)" -ge 1
check 'after a restart' line 10.0.0.2 972 973 64 33
finish
