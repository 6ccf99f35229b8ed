#!/bin/bash
# Traffic before, during and after kill -9 and a new start: established flows lose nothing, new ones
# are answered again, and the new agent adopts what it finds.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

# received LOG: "SENT RECEIVED" of a ping that has ended.
received() { sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$1"; }

make_hosts 3
for mode in per-cpu per-port; do
  start_daemon $mode || { fail "$mode: sluiced starts"; continue; }
  check "$mode: hosts talk" reach 1 10.0.0.2

  # 60 packets in 6 seconds; the agent is away from about the 15th to about the 35th.
  ip netns exec h1 ping -q -i 0.1 -c 60 -W 2 10.0.0.2 >"$work/ping" 2>&1 &
  pinger=$!
  sleep 1.5
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  sleep 2
  flows_left=$(dpctl dump-flows br0 | wc -l)
  check "$mode: flows outlive the agent" test "$flows_left" -ge 2
  start_daemon $mode || fail "$mode: sluiced starts again"
  wait $pinger
  read -r sent got < <(received "$work/ping")
  echo "   $mode: $sent packets sent, $got received"
  check "$mode: no packet of an established flow is lost" test "$sent" = 60 -a "$got" = 60
  check "$mode: flows were adopted" test "$(counter revalidator_adopted)" -ge 2
  check "$mode: none was thrown away" test "$(counter revalidator_foreign_deleted)" = 0
  check "$mode: new flows are answered" new_flows 1 2
  check "$mode: IPv6 too" reach 2 fd00::3

  kill "$daemon"
  wait "$daemon"
  check "$mode: SIGTERM ends it with status 0" test $? = 0
  check "$mode: traffic goes on after SIGTERM" reach 1 10.0.0.2
done
finish
