#!/bin/bash
# A port floods new flows; the others' are answered, its own flows go on, and afterwards all is as
# before, without a restart. SLUICE_FLOOD is how many packets it sends (300000).
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

packets=${SLUICE_FLOOD:-300000}
probe=${0%/*}/flood_probe.py
flood=${SLUICE_BUILD:-build/release}/bin/tests/flood
mac() { echo "0a:00:00:00:00:0$1"; }

# start MODE: rules under which each 5-tuple is a flow of its own.
start() {
  cat >"$work/br0.rules" <<'RULES'
table=0,priority=100,udp,actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],move:NXM_OF_UDP_DST[]->NXM_NX_REG0[16..31],move:NXM_OF_IP_SRC[]->NXM_NX_REG1[],resubmit(,1)
table=0,priority=0,actions=normal
table=1,priority=10,reg0=0xffffffff,reg1=0xffffffff,actions=drop
table=1,priority=0,actions=normal
RULES
  cat >"$work/sluiced.yaml" <<END_OF_CONFIG
dispatch: $1
control: {socket: $work/sluiced.sock}
upcalls: {port_rate: 1000, port_burst: 2000}
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2, v3]}
END_OF_CONFIG
  run_daemon
}
# of FILE KEY: a number that a probe told.
of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }
# port NAME KEY: what `upcalls show` tells of a port; `lost` is the sum over all reasons.
port() { control --json upcalls show | python3 -c '
import json, sys
port = next(p for p in json.load(sys.stdin)["ports"] if p["port"] == sys.argv[1])
lost = sum(int(loss["upcalls"]) for loss in port["lost"])
print(lost if sys.argv[2] == "lost" else port[sys.argv[2]])' "$@"; }
is_cut_off() { [[ $(port v1 cut_off) == True ]]; }
is_let_in() { [[ $(port v1 cut_off) == False ]]; }
answers() { ip netns exec h1 "$probe" ask 10.0.0.3 5 >"$work/after" && [[ $(of "$work/after" lost) == 0 ]]; }
# Features and pids as they are without a flood.
dispatch() { dpctl show --json br0 | python3 -c '
import json, sys
datapath = json.load(sys.stdin)["datapaths"][0]
print(datapath["user_features"], [port["upcall_pids"] for port in datapath["ports"]])'; }

make_hosts 3
for from in 1 2 3; do
  for to in 1 2 3; do
    ip -n "h$from" neigh replace "10.0.0.$to" lladdr "$(mac $to)" dev eth0 nud permanent
  done
done
ip netns exec h3 "$probe" answer 8 >"$work/answer" &
answerer=$!
wait_for grep -q ready "$work/answer"

for mode in per-cpu per-port; do
  start $mode || fail "$mode: sluiced starts"
  for host in 1 2; do reach $host 10.0.0.3 || fail "$mode: h$host reaches h3"; done
  dispatch >"$work/dispatch-before"
  ip netns exec h2 "$probe" ask 10.0.0.3 50 | tee "$work/quiet"
  ip netns exec h1 ping -i 0.1 -W 2 10.0.0.3 >"$work/ping" &
  pinger=$!
  ip netns exec h1 "$flood" eth0 "$packets" "$(mac 1)" "$(mac 2)" >"$work/flooded" &
  flooder=$!
  ip netns exec h2 "$probe" ask 10.0.0.3 until $flooder | tee "$work/flood"
  wait $flooder
  cat "$work/flooded"
  control upcalls show
  check "$mode: new flows of another port are answered, all of them" test "$(of "$work/flood" lost)" = 0
  check "$mode: the flooding port was cut off" test "$(port v1 cut_offs)" -ge 1
  check "$mode: it lost upcalls, and it is told" test "$(port v1 lost)" -ge 1
  check "$mode: no other did" test "$(port v2 lost)$(port v2 cut_offs)$(port v3 lost)$(port v3 cut_offs)" = 0000
  check "$mode: it is let in again" wait_for is_let_in
  check "$mode: its new flows are answered" wait_for answers
  kill -INT $pinger
  wait $pinger
  tail -n 3 "$work/ping"
  check "$mode: a flow that it had went on all the time" grep -q ' 0% packet loss' "$work/ping"
  dispatch >"$work/dispatch-after"
  check "$mode: dispatch is as before" diff "$work/dispatch-before" "$work/dispatch-after"
  if [[ $mode == per-cpu ]]; then
    # An agent that is killed meanwhile leaves nothing behind that the next does not put right.
    ip netns exec h1 "$flood" eth0 "$packets" "$(mac 1)" "$(mac 2)" >"$work/flooded" &
    flooder=$!
    check "$mode: cut off again" wait_for is_cut_off
    kill -KILL $daemon
    wait $daemon 2>/dev/null
    wait $flooder
    start $mode || fail "$mode: sluiced starts again"
    check "$mode: new flows are answered after a restart" wait_for answers
  fi
  kill $daemon
  wait $daemon
done
daemon=
kill $answerer
finish
