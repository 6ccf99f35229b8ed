#!/bin/bash
# Meters of the kernel: rules that name them, floods that ports are limited to, and a restart.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 3
cat >"$work/br0.rules" <<'END'
priority=0,actions=normal
priority=10,udp,tp_dst=5001,actions=meter:1,normal
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
upcalls: {port_queue: 2048} # so that none of a burst is lost before there is a flow
bridges:
  - name: br0
    rules: $work/br0.rules
    meters:
      - meter=1 pktps burst bands=type=drop rate=1 burst_size=20
    ports: [v1, v2, {name: v3, storm: {broadcast: 5pps, unknown: 1000kbps}}]
END
launch() {
  sluiced --config "$work/sluiced.yaml" 2>>"$work/sluiced.log" &
  daemon=$!
  wait_for control status || fail 'sluiced starts'
}
launch
not() { ! "$@"; }
loaded() { control rules br0 | grep -q meter:1; }
check 'rules name a meter' wait_for loaded
# field METER-AS-PYTHON FIELD
field() {
  control --json meters | python3 -c '
import json, sys
meters = json.load(sys.stdin)["meters"]
print(next(m.get(sys.argv[2], 0) for m in meters if eval(sys.argv[1])))' "$1" "$2"
}
check 'the kernel has it under its own number' test "$(field 'm["number"] == 1' kernel_id)" = 1

# burst FROM COUNT TO PORT: that many UDP packets at once.
burst() {
  ip netns exec "h$1" python3 - "$2" "$3" "$4" <<'END'
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in range(int(sys.argv[1])):
    udp.sendto(b"sluice", (sys.argv[2], int(sys.argv[3])))
END
}
received() { ip netns exec "h$1" cat /sys/class/net/eth0/statistics/rx_packets; }

check 'hosts talk' reach 1 10.0.0.2
before=$(received 2)
burst 1 300 10.0.0.2 5001
came() { (($(field 'm["number"] == 1' packets) >= 300)); }
check 'all of a burst come to the meter' wait_for came
dropped=$(field 'm["number"] == 1' dropped_packets)
check 'most are dropped' test "$dropped" -ge 200
check 'and not received' test $(($(received 2) - before)) -le 100
burst 1 300 10.0.0.2 5002
all_came() { (($(received 2) - before >= 300)); }
check 'other traffic is not limited' wait_for all_came
dpctl dump-flows br0 | grep 'meter(1)'
check 'flows have the meter' eval 'dpctl dump-flows br0 | grep -q "meter(1)"'
check 'flows are what the rules say' control flows br0 verify

# Floods of one port.
before=$(received 1)
burst 3 300 10.0.0.255 5003
storm_came() { (($(field 'm.get("storm") == "broadcast"' packets) >= 300)); }
check 'broadcasts of a port come to its meter' wait_for storm_came
check 'and most are dropped' test "$(field 'm.get("storm") == "broadcast"' dropped_packets)" -ge 200
check 'so that others do not hear them' test $(($(received 1) - before)) -le 100
before=$(received 2)
burst 1 300 10.0.0.255 5003
check 'those of another port are not limited' wait_for all_came
check 'ports tell their limits' grep -q 'broadcast 5pps' <(control port list br0)

# Changes while it runs.
check 'a rule with an unknown meter is refused' not control rules br0 add 'priority=9,tcp,actions=meter:2,normal'
check 'a meter is added' control meters add br0 meter=2 kbps burst bands=type=drop rate=5000 burst_size=500
check 'and named' control rules br0 add 'priority=9,tcp,actions=controller(meter_id=2),meter:2,normal' --wait
check 'twice is refused' not control meters add br0 meter=2 pktps bands=type=drop rate=1
check 'wrong ones are refused' not control meters add br0 meter=3 pktps bands=type=dscp rate=1
control meters mod br0 'meter=1 pktps bands=type=drop rate=100000' --dry-run | tee "$work/dry"
check 'a dry run tells' grep -q '^~ bridges.br0.meters.1: ' "$work/dry"
check 'a meter gets another rate' control meters mod br0 'meter=1 pktps bands=type=drop rate=100000'
before=$(received 2)
burst 1 300 10.0.0.2 5001
check 'which is in force at once' wait_for all_came
control meters | tee "$work/meters"
check 'the list tells them as ovs-ofctl does' grep -q 'meter=2 kbps burst stats bands=type=drop rate=5000 burst_size=500' "$work/meters"

# Somebody else deletes one.
dpctl del-meter br0 meter=1 || fail 'somebody else deletes a meter'
is_back() { [[ $(counter meters_remade) -ge 1 && $(field 'm["number"] == 1' kernel_id) = 1 ]] && dpctl dump-meters br0 meter=1 | grep -c meter=1 >/dev/null; }
check 'a meter that somebody else deleted is made again' wait_for is_back

# Of others, and after a restart.
dpctl add-meter br0 'meter=77,pktps,bands=type=drop,rate=1' || fail 'somebody else adds a meter'
packets=$(field 'm["number"] == 1' packets)
kill -9 $daemon
wait $daemon 2>/dev/null
sed -i 's/rate=1 burst_size=20/rate=100000 burst_size=100000/' "$work/sluiced.yaml"
launch
check 'rules are there again' wait_for loaded
check 'the meter is found again' test "$(field 'm["number"] == 1' kernel_id)" = 1
check 'and counts on' test "$(field 'm["number"] == 1' packets)" -ge "$packets"
check 'that of others is told' eval 'control meters | grep -q "left alone: kernel ids.*77"'
check 'and is there' eval 'dpctl dump-meters br0 meter=77 | grep -q 77'
before=$(received 2)
burst 1 300 10.0.0.2 5001
check 'traffic passes it' wait_for all_came
check 'all is well' control status
check 'no flow was refused' test "$(counter install_flow_errors)" = 0
finish
