#!/bin/bash
# Limits of zones and timeout policies of the configuration: the kernel has them, whatever others do to
# them; rules name the policies; what goes from the configuration goes from the kernel, if it was ours.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

modprobe -aq nf_conntrack nfnetlink_cttimeout nf_conntrack_netlink 2>/dev/null
make_hosts 2
features=$(dpctl features 2>/dev/null)
has() { grep "^$1 " <<<"$features" | grep -q yes; }
if has ct_zone; then zone=5 other=6; else zone=0 other=0; fi
echo "   zone: $zone"
configure() {  # ZONES TIMEOUTS
  cat >"$work/sluiced.yaml" <<YAML
control: {socket: $work/sluiced.sock}
conntrack:
  limits: {default: 5000, zones: [$1]}
  timeouts: [$2]
bridges:
  - {name: br0, ports: [v1, v2]}
YAML
}
policy='{name: web, tcp: {established: 321s, close: 7s}, udp: {unreplied: 41s, replied: 123s}}'
idle='{name: idle, family: inet6, icmpv6: {timeout: 3s}}'
configure "{zone: $zone, limit: 3}" "$policy, $idle"
run_daemon || fail 'sluiced starts'
wait_for reach 1 10.0.0.2 || fail 'hosts talk'

limit_is() { dpctl ct-get-limits | grep "$1" >/dev/null; }
policies() { dpctl ct-timeout-list; }
has_policy() { policies | grep "$1" >/dev/null; }
status_says() { grep -q "$1" <(control status); }
if ! has ct_limit; then
  echo "skip ${0##*/}: limits: the kernel has no ct_limit"
  check 'status names the feature' status_says 'feature ct_limit'
fi
if ! policies >/dev/null 2>&1; then
  echo "skip ${0##*/}: timeout policies: the kernel has none"
  check 'status names the feature' status_says 'feature ct_timeout'
  finish
  exit
fi

check 'policies are there, one for each protocol and version' has_policy 'name=sluice_web_tcp4,family=inet,proto=tcp.*established=321'
check 'also of IPv6' has_policy 'name=sluice_web_udp6,family=inet6,proto=udp.*replied=123'
check 'a policy of one family' test "$(policies | grep -c sluice_idle)" = 1

# --- Rules name them -----------------------------------------------------------------------------
replace() { control rules br0 replace -f - --wait >"$work/out" 2>&1; }
refused() { ! replace <<<'priority=1,ip,actions=ct(commit,timeout=nobody),normal'; }
check 'a rule with a policy that is not declared is refused' refused
check 'by its name' grep -q 'there is no timeout policy "nobody"' "$work/out"
replace <<RULES || fail "rules: $(cat "$work/out")"
priority=200,arp,actions=normal
priority=100,ip,actions=ct(table=1,zone=$zone)
table=1,ct_state=+new,ip,actions=ct(commit,zone=$zone,timeout=web),normal
table=1,priority=9,ct_state=+est,ip,actions=normal
RULES
send() {  # PORT: a datagram; nobody listens, and nobody says so
  ip netns exec h1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.0.0.1', $1))
s.sendto(b'x', ('10.0.0.2', 9999))"
}
lasts() {  # PORT LEAST MOST: seconds that a connection has still
  local left
  left=$(dpctl dump-conntrack -s "zone=$zone" | grep "sport=$1,dport=9999" | sed -nE '1s/.*timeout=([0-9]+).*/\1/p')
  [[ -n $left ]] && (($2 < left && left <= $3))
}
tries() { send "$1" && lasts "$@"; }
check 'a connection lasts as long as the policy says' wait_for tries 4001 31 41
check 'flows are true' control flows br0 verify

# --- sluicectl ct --------------------------------------------------------------------------------
dpctl flush-conntrack
for port in 4011 4012; do send $port; done
lines() { control ct dump "$@" | wc -l; }
check 'ct dump: as dpctl has it' test "$(control ct dump "zone=$zone" | sort)" = "$(dpctl dump-conntrack "zone=$zone" | sort)"
check 'ct dump: by fields' test "$(lines "zone=$zone" ct_nw_proto=17,ct_tp_src=4011)" = 1
control --json ct dump "zone=$zone" >"$work/out"
check 'ct dump: JSON' python3 -c '
import json, sys
connections = json.load(open(sys.argv[1]))["connections"]
sys.exit(sorted(c["orig"]["src_port"] for c in connections) != [4011, 4012])' "$work/out"
control ct dump zone=4x 2>"$work/out" && fail 'a wrong filter is refused'
check 'a wrong filter: the place is shown' grep -q '^ *^' "$work/out"
check 'ct stats' grep -q 'UDP: 2' <(control ct stats -m "zone=$zone")
check 'ct stats: the kernel' grep -q 'Entries: ' <(control ct stats -s)
check 'ct flush: all needs to be asked for' not control ct flush 2>/dev/null
check 'ct flush: one by its tuple' control ct flush "zone=$zone" ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=4011,ct_tp_dst=9999
check 'ct flush: the other stays' test "$(lines "zone=$zone")$(lines ct_tp_src=4012)" = 11
control ct flush "zone=$zone" ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=4011,ct_tp_dst=9999 2>"$work/out" && fail 'a connection ends once'
check 'ct flush: one that is not there' grep -q 'no such connection' "$work/out"
[[ $zone = "$other" ]] || check 'ct flush: of another zone' grep -q 'ended 0 connections' <(control ct flush "zone=$other")
check 'ct flush: the other stays still' test "$(lines "zone=$zone")" = 1
check 'ct flush: of the zone' grep -q 'ended 1 connection$' <(control ct flush "zone=$zone" ct_nw_proto=17)
check 'ct flush: it is gone' test "$(lines "zone=$zone")" = 0
control ct limits | tee "$work/out"
check 'ct limits: policies' grep -q 'timeout=web: inet tcp established=321,close=7 (sluice_web_tcp4)' "$work/out"
! has ct_limit || check 'ct limits: limits' grep -q "^zone=$zone,limit=3,count=" "$work/out"

# --- Limits --------------------------------------------------------------------------------------
if has ct_limit; then
  check 'limits are there' limit_is "zone=$zone,limit=3"
  check 'the default, too' limit_is 'default limit=5000'
  dpctl flush-conntrack
  for port in 4101 4102 4103 4104 4105; do send $port; done
  few() { (($(dpctl dump-conntrack "zone=$zone" | grep -c 'dport=9999') <= 3)); }
  check 'a zone has no more connections than it may' few
  dpctl ct-set-limits default=7 "zone=$zone,limit=100"
  check 'a limit that somebody else changed is set again' wait_for limit_is "zone=$zone,limit=3"
  check 'and the default' wait_for limit_is 'default limit=5000'
  dpctl ct-del-limits "zone=$zone"
  check 'one that somebody else deleted is set again' wait_for limit_is "zone=$zone,limit=3"
  check 'it is counted' test "$(counter conntrack_remade)" -ge 3
  dpctl ct-set-limits zone=77,limit=9
  check 'ct limits: those of others' grep -q "zone=77,limit=9,count=0  (somebody else's)" <(control ct limits)
fi

# --- Others delete policies ----------------------------------------------------------------------
dpctl ct-timeout-del sluice_idle_icmpv66 || fail 'an idle policy is deleted'
check 'a policy that somebody else deleted is made again' wait_for has_policy sluice_idle_icmpv66
dpctl ct-timeout-add --replace sluice_idle_icmpv66 inet6 icmpv6 timeout=99
check 'one that somebody else changed is set again' wait_for has_policy 'sluice_idle_icmpv66.*(timeout=3)'
# One that flows have cannot be deleted. Without flows it can; those that come meanwhile do without.
drop_used() {
  control flows br0 purge >/dev/null
  dpctl ct-timeout-del sluice_web_udp4 2>/dev/null
}
check 'a policy that was in use is deleted' wait_for drop_used
send 4201
check 'it is back' wait_for has_policy sluice_web_udp4
port=4300
fresh() {
  port=$((port + 1))
  dpctl flush-conntrack
  tries $port 31 41
}
check 'and flows that were made meanwhile take it' wait_for fresh
check 'flows are true' control flows br0 verify

# --- The configuration changes -------------------------------------------------------------------
configure "{zone: $zone, limit: 3}" "$idle"
apply() { control apply -f "$work/sluiced.yaml" >"$work/out" 2>&1; }
check 'a policy that rules name stays' not apply
check 'and that is said' grep -q 'timeout policy "web" is in use by bridge "br0": ' "$work/out"
replace <<<'actions=normal' || fail 'rules without policies'
configure "{zone: $other, limit: 4}" '{name: idle, family: inet6, icmpv6: {timeout: 8s}}'
apply || fail "the configuration is applied: $(cat "$work/out")"
check 'changes are told' grep -q 'conntrack.timeouts.web' "$work/out"
check 'a policy has other times' wait_for has_policy 'sluice_idle_icmpv66.*(timeout=8)'
gone() { ! has_policy "$1"; }
check 'a policy that is gone is deleted' wait_for gone sluice_web
if has ct_limit; then
  check 'another limit' wait_for limit_is "zone=$other,limit=4"
  [[ $zone = "$other" ]] || check 'a limit that is gone is deleted' not limit_is "zone=$zone,limit"
  check "somebody else's limit stays" limit_is 'zone=77,limit=9'
fi

# --- What an earlier run left --------------------------------------------------------------------
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
dpctl ct-timeout-add alien inet tcp close=5 || fail "somebody else's policy"
configure '' ''
run_daemon || fail 'sluiced starts again'
check 'policies of an earlier run are deleted' wait_for gone name=sluice_
check "somebody else's stays" has_policy name=alien

printf 'bridges: []\nconntrack: {timeouts: [{name: x, tcp: {establish: 5s}}]}\n' >"$work/bad.yaml"
sluiced --check "$work/bad.yaml" >"$work/out" 2>&1
check 'errors name their place' grep -q 'bad.yaml:2:.*conntrack.timeouts\[0\].tcp: unknown key "establish"; did you mean "established"' "$work/out"
finish
