#!/bin/bash
# Flows have few masks: under the published table of four rules, and when traffic is crafted to yield
# many. The numbers are the kernel's. What lookups do for that can be switched while traffic flows.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"
load="${0%/*}/mask_load.py"

make_hosts 3
cat >"$work/four.rules" <<'END'
priority=4,arp,actions=normal
priority=3,ip,nw_dst=11.1.1.1/16,actions=normal
priority=2,tcp,nw_dst=9.1.1.1,tp_src=10,tp_dst=10,actions=normal
priority=1,ip,nw_dst=9.1.1.1/24,actions=normal
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, rules: $work/four.rules, ports: [v1, v2, v3], masks: {budget: 96}}
END
run_daemon || fail 'sluiced starts'

# kernel WHAT: `flows` or `masks`, as the kernel counts them.
kernel() { dpctl show --json br0 | python3 -c '
import json, sys
datapath = json.load(sys.stdin)["datapaths"][0]
print({"flows": datapath["flows"], "masks": datapath["masks"]["total"]}[sys.argv[1]])' "$1"; }
# masks WHAT: a value of what sluicectl tells of br0's masks.
masks() { control --json masks br0 | python3 -c '
import json, sys
told = json.load(sys.stdin)["masks"][0]
told.update({fit["name"]: fit["flows"] for fit in told["fits"]})
print(told[sys.argv[1]])' "$1"; }
same_masks() { [[ $(kernel masks) == "$(masks in_use)" ]]; }

# Connections from h1 to two addresses of h2, of each kind of rule one.
ip -n h1 addr add 9.1.1.2/24 dev eth0
ip -n h1 addr add 11.1.1.2/16 dev eth0
ip -n h2 addr add 9.1.1.1/24 dev eth0
ip -n h2 addr add 11.1.1.1/16 dev eth0
ip netns exec h2 python3 "$load" serve 12865 >"$work/server" &
server=$!
wait_for grep -q ready "$work/server"
connections() { ip netns exec h1 python3 "$load" connect 12865 "$1" 9.1.1.1 11.1.1.1; }

connections 50 && sleep 0.6 # addresses are learned, and flows made before that are gone
check 'connections come through' connections 1200
echo "four rules, all optimisations: $(kernel flows) flows, $(kernel masks) masks"
check 'four rules: at most 13 flows' test "$(kernel flows)" -le 13
check 'and at most 10 masks' test "$(kernel masks)" -le 10
check 'sluicectl counts the masks that the kernel has' wait_for same_masks

all_off=priority_sorting,staged_lookup,type_tracking,prefix_tracking,port_tracking
control masks br0 --off $all_off --wait >"$work/off"
check 'what is off is told' grep -q 'prefix_tracking OFF' "$work/off"
check 'connections come through without optimisations' connections 400
echo "four rules, no optimisation: $(kernel flows) flows, $(kernel masks) masks"
check 'which takes a flow for each connection' test "$(kernel flows)" -ge 400
control masks br0 --on $all_off --wait >"$work/on"
check 'flows that are narrower than they need be are replaced' test "$(kernel flows)" -le 13
control masks br0 --megaflows off --wait >/dev/null
check 'connections come through without megaflows' connections 400
echo "four rules, no megaflows: $(kernel flows) flows, $(kernel masks) masks"
check 'no megaflows: a flow each way for each connection' test "$(kernel flows)" -ge 800
control masks br0 --megaflows on --wait >/dev/null
kill $server

control masks br0 --off tries 2>"$work/error"
check 'an unknown optimisation is refused' grep -q 'no optimisation "tries"; there are priority' "$work/error"

# Packets crafted near the rules of an access list.
python3 - >"$work/many.rules" <<'END'
import random
random.seed(1)
print("priority=0,actions=drop")
for i in range(400):
    source, destination = ("%d.%d.%d.%d/%d" % (random.choice((10, 172, 192)), random.getrandbits(8), random.getrandbits(8),
                                              random.getrandbits(8), random.choice((16, 20, 22, 24, 24, 26, 28, 32, 32)))
                           for _ in range(2))
    print(f"priority={i + 1},tcp,nw_src={source},nw_dst={destination},tp_dst={random.choice((22, 80, 443, 5060, 8080))},"
          "actions=output:v2")
END
control rules br0 replace -f "$work/many.rules" --wait
craft() { ip netns exec h1 python3 "$load" crafted "$work/many.rules" eth0 3000; }
control masks br0 --budget 0 --wait >/dev/null
craft
without=$(kernel masks)
echo "crafted packets, no budget: $(kernel flows) flows, $without masks"
control masks br0 --budget 32 --wait >/dev/null
craft
echo "crafted packets, budget 32: $(kernel flows) flows, $(kernel masks) masks"
control masks br0
check 'without a budget crafted packets make many masks' test "$without" -gt 200
check 'with a budget they do not' test "$(kernel masks)" -le 36
check 'it is told what was done for that' test $(($(masks reused) + $(masks rounded) + $(masks whole))) -gt 0
check 'sluicectl counts the masks that the kernel has, under pressure too' wait_for same_masks
check 'no flow was refused for its mask' test "$(counter flowcache_put_failed)" = 0

# Every bit matched: of all kinds of packets the kernel takes that.
cat >"$work/plain.rules" <<'END'
priority=1,actions=normal
END
control rules br0 replace -f "$work/plain.rules" >/dev/null
control masks br0 --megaflows off --wait >/dev/null
ip -n h1 link add link eth0 name tag type vlan id 5
ip -n h1 link set tag up
ip -n h1 addr add 10.5.0.1/24 dev tag
ip netns exec h1 ping -q -c 1 -W 0.2 10.5.0.9 >/dev/null
check 'IPv4 by exact flows' reach 1 10.0.0.2
check 'IPv6 by exact flows' reach 1 fd00::2
check 'the kernel takes exact masks' test "$(counter flowcache_put_failed)" = 0
finish
