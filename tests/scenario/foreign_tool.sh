#!/bin/bash
# The peer's ovs-dpctl changes features and upcall pids of a datapath when it only looks. The agent
# notices, says so, puts them back, and new flows are answered as before.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

command -v ovs-dpctl >/dev/null || { echo "skip ${0##*/}: ovs-dpctl is not here (tools/setup peer)"; exit 0; }
make_hosts 3
for mode in per-cpu per-port; do
  : >"$work/sluiced.log"  # what it says is this mode's
  start_daemon $mode || { fail "$mode: sluiced starts"; continue; }
  check "$mode: hosts talk" reach 1 10.0.0.2
  ip netns exec h1 ping -q -i 0.05 -c 60 -W 2 10.0.0.2 >"$work/ping" 2>&1 &
  pinger=$!
  for _ in 1 2 3; do
    ovs-dpctl show >"$work/show" 2>&1 || fail "$mode: ovs-dpctl show"
    sleep 0.2
  done
  wait $pinger
  check "$mode: traffic did not suffer" grep -q ' 0% packet loss' "$work/ping"
  check "$mode: new flows are answered afterwards" new_flows 1 3
  check "$mode: the agent saw it" test "$(counter datapath_reasserted)" -ge 1
  check "$mode: the agent says so" grep -q "br0: another program set the datapath's features or upcall pids" "$work/sluiced.log"
  control status
  kill "$daemon"
  wait "$daemon"
done
finish
