#!/bin/bash
# More misses than a handler's socket holds: the agent says that upcalls were lost, counts them, and
# answers on.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

# flood: packets from h1 that no flow knows, to an address that needs no ARP.
flood() {
  ip -n h1 neigh replace 10.0.0.99 lladdr 0a:00:00:00:00:99 dev eth0
  ip netns exec h1 python3 -c '
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20000):
    sender.sendto(bytes(1000), ("10.0.0.99", 1024 + i % 60000))'
}
says_it() { grep -q 'warning: upcalls were lost [0-9]* times' "$work/sluiced.log"; }

make_hosts 3
start_daemon per-cpu || fail 'sluiced starts'
check 'hosts talk' reach 1 10.0.0.2
dpctl del-flows br0
kill -STOP "$daemon"
flood
kill -CONT "$daemon"
check 'the agent says that upcalls were lost' wait_for says_it
check 'and counts it' test "$(counter upcall_overruns)" -ge 1
check 'the kernel counts the packets' test "$(dpctl show --json br0 | python3 -c '
import json, sys
print(json.load(sys.stdin)["datapaths"][0]["lookups"]["lost"])')" -ge 1
check 'new flows are answered afterwards' new_flows 2 3
finish
