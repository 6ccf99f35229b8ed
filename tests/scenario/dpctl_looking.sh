#!/bin/bash
# Commands of dpctl that look send only requests that read, and need no privilege where the kernel wants
# none; commands that change something say which privilege is missing, and have changed nothing. The
# list of commands is dpctl's own: one that is not in the table below fails.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

# COMMAND KIND [ARGUMENT]...: KIND is
#   looks     reads the kernel, and needs no privilege for it
#   reads     the same, of what the kernel wants a privilege for: then it says which
#   follows   reads until it is ended
#   probes    tries things out, in a datapath and a namespace of its own, or looks by a device of its own
#   offline   does not ask the kernel
#   changes   needs privilege; dpctl itself says that it changes something
table='
  dump-dps looks
  show looks -s
  get-flow looks dp0 ufid:00000001-0000-0000-0000-000000000001
  dump-flows looks dp0
  cache-get-size looks dp0
  dump-meters looks dp0
  meter-features looks dp0
  diff looks dp:dp0 dp:dp0
  dump-conntrack reads
  ct-stats-show reads
  ct-get-limits looks dp0
  ct-timeout-list reads
  monitor follows
  top looks -n 1 -d 0.1 dp0
  samples follows
  features probes
  listen probes dp0
  parse offline in_port(2),eth() 1
  explain offline in_port(2),eth() 1
  parse-actions offline 1,2
  completion offline bash
  help offline
  list-commands offline
  add-dp changes dp1
  del-dp changes dp0
  add-if changes dp0 v3
  set-if changes dp0 v1,mtu=1400
  del-if changes dp0 v1
  add-flow changes dp0 in_port(1),eth() 2
  mod-flow changes dp0 ufid:00000001-0000-0000-0000-000000000001,in_port(2),eth() drop
  del-flow changes dp0 ufid:00000001-0000-0000-0000-000000000001
  add-flows changes dp0 FLOWS
  mod-flows changes dp0 FLOWS
  del-flows changes dp0
  rebind changes dp0 2 1
  cache-set-size changes dp0 masks-cache 512
  flush-conntrack changes zone=5
  ct-set-limits changes dp0 zone=5,limit=10
  ct-del-limits changes dp0 zone=5
  ct-timeout-add changes web inet tcp established=300
  ct-timeout-del changes web
  add-meter changes dp0 meter=2,pktps,band=type=drop,rate=10
  mod-meter changes dp0 meter=1,pktps,band=type=drop,rate=10
  del-meter changes dp0 meter=1
  del-meters changes dp0
  execute changes dp0 in_port(1) 2 ffffffffffff0200000000010806000108000604000102000000000a0a0000010000000000000a000002
'

row_of() { awk -v name="$1" '$1 == name { $1 = ""; print }' <<<"$table"; }
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"; }
# What there is, without what time and traffic change.
state() {
  cat /sys/class/net/v1/mtu
  dpctl show | grep -v 'lookups:\|masks:\|cache:'
  dpctl dump-flows -m dp0 | sed 's/, packets:.*, dp:/, dp:/'
  dpctl dump-meters dp0 | grep -o '^meter=[0-9]*'
}

# only_reads COMMAND...: whether it ends well, and each netlink request that it sends reads.
only_reads() {
  strace -f -qq -xx -s 65536 -e trace=sendmsg,sendto,sendmmsg -o "$work/trace" "$@" >"$work/out" 2>&1 ||
    { cat "$work/out"; return 1; }
  python3 - "$work/trace" <<'END'
import re, sys

# The commands that read, by family (include/uapi/linux/openvswitch.h, genetlink.h).
READS = {"ovs_datapath": {3}, "ovs_vport": {3}, "ovs_flow": {3}, "ovs_packet": set(),
         "ovs_meter": {1, 4}, "ovs_ct_limit": {3}, "nlctrl": {3}}
trace = open(sys.argv[1]).read()
requests = trace.count("nlmsg_type=")
if requests == 0:
    sys.exit("no request was seen: the trace was not understood\n" + trace[:2000])
generic = re.findall(r'nlmsg_type=(\w+),[^}]*\}, "\\x([0-9a-f]{2})', trace)
for family, command in generic:
    if int(command, 16) not in READS.get(family, ()):
        sys.exit(f"sent command {int(command, 16)} to {family}")
# Links and connections: RTM_GETLINK, NFNL_SUBSYS_CTNETLINK<<8|IPCTNL_MSG_CT_GET.
other = re.findall(r'nlmsg_type=((?:RTM|NFNL)_[^,]*),', trace)
for kind in other:
    if not re.search(r'^RTM_GET|\|\w+_GET(_\w+)?$', kind):
        sys.exit(f"sent {kind}")
if len(generic) + len(other) != requests:
    sys.exit("a request was not understood\n" + trace[:4000])
END
}

# refused COMMAND...: whether it says which privilege it lacks, and nothing was changed.
refused() {
  local status=0
  state >"$work/before"
  nobody "$@" >"$work/out" 2>&1 || status=$?
  state >"$work/after"
  if ((status == 1)) && grep -q 'CAP_NET_ADMIN' "$work/out" && cmp "$work/before" "$work/after"; then return; fi
  echo "status $status:"
  cat "$work/out"
  diff "$work/before" "$work/after"
  return 1
}

works_or_refused() { nobody "$@" >"$work/out" 2>&1 || refused "$@"; }
quietly() { "$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }; }

make_hosts 3
table=${table//FLOWS/$work/flows}
chmod 755 "$work"
echo 'in_port(1),eth() 2' >"$work/flows"
dpctl add-dp dp0 v1,port_no=1 v2,port_no=2 || fail 'a datapath'
flow='ufid:00000001-0000-0000-0000-000000000001,in_port(2),eth()'
dpctl add-flow dp0 "$flow" 1 || fail 'a flow'
dpctl add-meter dp0 meter=1,pktps,band=type=drop,rate=100 || fail 'a meter'

while read -r name changes; do
  read -ra row < <(row_of "$name")
  kind=${row[0]-}
  command=(dpctl "$name" "${row[@]:1}")
  case $kind in
    changes) check "$name: dpctl says that it changes something" test "$changes" = True ;;
    ?*) check "$name: dpctl says that it only looks" test "$changes" = False ;;
    *) fail "$name: has no row in the table of ${0##*/}" ;;
  esac
  case $kind in
    looks)
      check "$name: only reads" only_reads "${command[@]}"
      check "$name: needs no privilege" quietly nobody "${command[@]}"
      ;;
    reads)
      check "$name: only reads" only_reads "${command[@]}"
      check "$name: works without privilege, or says what it lacks" works_or_refused "${command[@]}"
      ;;
    follows)
      check "$name: only reads" only_reads "${command[@]}" --timeout 1
      check "$name: works without privilege, or says what it lacks" works_or_refused "${command[@]}" --timeout 1
      ;;
    probes) check "$name: says what it lacks" refused "${command[@]}" ;;
    offline) check "$name: needs no privilege" quietly nobody "${command[@]}" ;;
    changes)
      check "$name: says what it lacks, and changes nothing" refused "${command[@]}"
      check "$name: --read-only refuses it" grep -q 'read only' <(dpctl --read-only "$name" "${row[@]:1}" 2>&1)
      ;;
  esac
done < <(dpctl list-commands --json | python3 -c '
import json, sys
for command in json.load(sys.stdin)["commands"]: print(command["name"], command["changes"])')

# What the shells ask.
completes() { "$@" dpctl __complete bash "$asked" dp0 "$word" && grep -q "$expected" "$work/out"; }
while read -r asked word expected; do
  check "completion of $asked: only reads" completes only_reads
  check "completion of $asked: needs no privilege" completes quietly nobody
done <<'END'
del-if v v1
del-meter meter= meter=1
add-flow in_port( in_port(v1
END

# What the check is worth: it sees a command that changes something.
sees_a_change() { ! only_reads dpctl mod-flow dp0 "$flow" 1 2>/dev/null; }
check 'a change would be seen' sees_a_change
finish
