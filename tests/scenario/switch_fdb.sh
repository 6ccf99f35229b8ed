#!/bin/bash
# The MAC table: what is learned, static addresses, limits with eviction, and moves by one packet.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 4
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - name: br0
    mac_limit: 20
    fdb:
      - {mac: 0a:00:00:00:00:99, port: v3}
    ports: [v1, v2, v3, {name: v4, mac_limit: 2}]
END
run_daemon || fail 'sluiced starts'
check 'hosts talk' reach 1 10.0.0.2
known() { control fdb br0 | grep -Eq "br0 +$1 +$2 +$3 +$4"; }
check 'addresses are learned where they are' known v1 0 0a:00:00:00:00:01 '[0-9.]+ s'
check 'the static one of the file is there' known v3 0 0a:00:00:00:00:99 static

# send FROM ADDRESS [TO]: one raw frame with that source, the broadcast by default: a gratuitous ARP.
send() {
  ip netns exec "h$1" python3 - "$2" "${3-ff:ff:ff:ff:ff:ff}" <<'END'
import socket, sys
source, target = (bytes.fromhex(mac.replace(":", "")) for mac in sys.argv[1:])
ip = bytes([10, 0, 0, 77])
arp = bytes.fromhex("0001080006040001") + source + ip + bytes(6) + ip
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
raw.send(target + source + b"\x08\x06" + arp + bytes(18))
END
}

# A host that moves: each gratuitous ARP is seen by the agent at once, there and back, also while a
# flow of its last visit would still be there.
bad=0
for i in 1 2 3 4 5; do
  for port in 1 2 3; do
    send $port 0a:00:00:00:00:77
    wait_for known "v$port" 0 0a:00:00:00:00:77 '[0-9.]+ s' || { echo "$i: not moved to v$port"; bad=1; }
  done
done
check 'an address moves with its gratuitous ARP, 15 times' test $bad = 0
check 'moves are counted' test "$(counter bridge_mac_moves)" -ge 14
control fdb br0 stats | tee "$work/stats"
check 'and told by fdb stats' grep -Eq 'moved: +1[4-9]' "$work/stats"

# Static: it stays, and traffic to it goes there alone.
send 1 0a:00:00:00:00:99
check 'a static address does not move' known v3 0 0a:00:00:00:00:99 static
control fdb br0 add v2 0 0a:00:00:00:00:55 --wait
check 'a static address is added' known v2 0 0a:00:00:00:00:55 static
check 'a port that is not there is refused' not control fdb br0 add v9 0 0a:00:00:00:00:56
check 'so is a multicast address' not control fdb br0 add v1 0 01:00:5e:00:00:56
check 'and a VLAN that is none' not control fdb br0 add v1 4095 0a:00:00:00:00:56
control trace br0 'in_port=v1,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:55,arp' >"$work/trace"
check 'packets to it go to its port' grep -q 'datapath actions: v2$' "$work/trace"

# A port with a limit of its own, and the bridge's.
for n in 10 11 12 13; do send 4 "0a:00:00:00:00:$n"; done
on() { control fdb br0 | grep -Ec "br0 +$1 +0 .* s$"; }
check 'a port keeps no more than its limit' test "$(on v4)" = 2
check 'the last ones' known v4 0 0a:00:00:00:00:13 '[0-9.]+ s'
for n in $(seq 30 69); do send 2 "0a:00:00:00:00:$n"; done
check 'a bridge keeps no more than its limit' test "$(control fdb br0 | grep -c ' s$')" = 20
check 'the port that made them up lost its own' known v1 0 0a:00:00:00:00:01 '[0-9.]+ s'
check 'evictions are counted' test "$(counter bridge_mac_evictions)" -ge 20

control fdb br0 del 0 0a:00:00:00:00:55
check 'an address is deleted' not known v2 0 0a:00:00:00:00:55 static
check 'and cannot be deleted twice' not control fdb br0 del 0 0a:00:00:00:00:55
control fdb br0 flush --port v2 | tee "$work/flushed"
# h2 itself may have spoken since.
check 'a port is flushed' not grep -qE '0a:00:00:00:00:[3-6][0-9]' <(control fdb br0)
check 'another is not' test "$(on v4)" = 2
control fdb br0 flush --wait
check 'a bridge is flushed but for static addresses' known v3 0 0a:00:00:00:00:99 static
check 'hosts find each other again' reach 1 10.0.0.2
json_tells() {
  control --json fdb br0 | python3 -c '
import json, sys
fdb = json.load(sys.stdin)
assert any(m["is_static"] and m["port"] == "v3" for m in fdb["macs"]), fdb
assert int(fdb["tables"][0]["evicted"]) >= 20, fdb
'
}
check 'JSON has it too' json_tells
# Flows of others that look at no Ethernet type go too.
dpctl add-flow br0 'ufid:11111111-2222-3333-4444-555555555555,in_port(3),eth(dst=0a:00:00:00:00:01),eth_type(0x0806/0)' v4
gone() { ! dpctl dump-flows br0 -m | grep -q 11111111-2222; }
check 'a flow of somebody else goes' wait_for gone

kill -HUP $daemon
check 'a reload leaves static addresses' known v3 0 0a:00:00:00:00:99 static
finish
