#!/bin/bash
# The same rules under sluiced and under the peer's ovs-vswitchd, with the same servers and clients: the
# same connections succeed, the servers see the same addresses, and the kernel tracks the same.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

skip() { echo "skip ${0##*/}: $*"; exit 0; }
for tool in ovsdb-tool ovsdb-server ovs-vswitchd ovs-vsctl ovs-ofctl; do
  command -v $tool >/dev/null || skip "$tool is not here (tools/setup peer)"
done
modprobe -aq nf_conntrack nf_nat nf_conntrack_netlink 2>/dev/null
features=$(dpctl features 2>/dev/null)
grep '^ct_zone ' <<<"$features" | grep -q yes || skip 'the kernel has no ct_zone, which ovs-vswitchd always names'
ftp=
! modprobe -q nf_conntrack_ftp 2>/dev/null || ftp=1
[[ $ftp ]] || echo "skip ${0##*/}: ftp: the kernel has no nf_conntrack_ftp"

make_hosts 3
for host in 1 2 3; do
  ip netns exec h$host python3 "${0%/*}/stateful.py" serve "$work/ready$host" &
  servers="${servers-} $!"
done
for host in 1 2 3; do wait_for test -e "$work/ready$host" || fail "servers of h$host"; done
for host in 2 3; do
  ip -n h$host neigh replace 10.0.0.100 lladdr 0a:00:00:00:00:01 dev eth0
  ip -n h$host neigh replace fd00::100 lladdr 0a:00:00:00:00:01 dev eth0
done
ip -n h1 neigh replace 10.0.0.200 lladdr 0a:00:00:00:00:02 dev eth0
ip -n h1 neigh replace fd00::200 lladdr 0a:00:00:00:00:02 dev eth0
ip -n h1 neigh replace 10.0.0.201 lladdr 0a:00:00:00:00:0f dev eth0

# --- Rules ---------------------------------------------------------------------------------------
track() {  # ARGUMENTS of ct
  cat <<END
priority=200,arp,actions=normal
priority=200,icmp6,icmpv6_type=135,actions=normal
priority=200,icmp6,icmpv6_type=136,actions=normal
priority=100,ip,actions=ct(table=1,zone=5$1)
priority=100,ipv6,actions=ct(table=1,zone=5$1)
table=1,priority=90,ct_state=+trk+est,actions=normal
table=1,priority=90,ct_state=+trk+rel,actions=normal
END
}
{
  track ''
  for ip in ip ipv6; do echo "table=1,priority=50,$ip,ct_state=+trk+new,in_port=1,actions=ct(commit,zone=5,exec(set_field:0x7->ct_mark)),normal"; done
  [[ ! $ftp ]] || cat <<'END'
table=1,priority=60,tcp,tp_dst=21,ct_state=+trk+new,in_port=1,actions=ct(commit,zone=5,alg=ftp),normal
table=1,priority=95,ip,ct_state=+trk+new+rel,actions=ct(commit,zone=5),normal
END
} >"$work/firewall.rules"
{
  track ,nat
  cat <<'END'
table=1,priority=60,tcp,nw_dst=10.0.0.200,ct_state=+trk+new,actions=ct(commit,table=2,zone=5,nat(dst=10.0.0.2:8080))
table=1,priority=60,tcp6,ipv6_dst=fd00::200,ct_state=+trk+new,actions=ct(commit,table=2,zone=5,nat(dst=[fd00::2]:8080))
table=1,priority=50,ip,ct_state=+trk+new,in_port=1,actions=ct(commit,table=2,zone=5,nat(src=10.0.0.100:5000-5999))
table=1,priority=50,ipv6,ct_state=+trk+new,in_port=1,actions=ct(commit,table=2,zone=5,nat(src=fd00::100))
table=2,actions=normal
END
} >"$work/nat.rules"
cat >"$work/balancer.groups" <<'END'
group_id=1,type=select,selection_method=hash,fields(ip_src,tcp_src),bucket=actions=ct(commit,table=2,zone=5,nat(dst=10.0.0.2)),bucket=actions=ct(commit,table=2,zone=5,nat(dst=10.0.0.3))
END
{
  track ,nat
  cat <<'END'
table=1,priority=50,tcp,nw_dst=10.0.0.201,ct_state=+trk+new,actions=group:1
table=1,priority=95,ip,in_port=1,ct_state=+trk+est,actions=resubmit(,2)
table=2,ip,nw_dst=10.0.0.2,actions=mod_dl_dst:0a:00:00:00:00:02,output:2
table=2,ip,nw_dst=10.0.0.3,actions=mod_dl_dst:0a:00:00:00:00:03,output:3
END
} >"$work/balancer.rules"
# After ct(nat) without a table: by which address do rules go on?
{
  track ,nat
  cat <<'END'
table=1,priority=60,tcp,nw_dst=10.0.0.200,ct_state=+trk+new,actions=ct(commit,zone=5,nat(dst=10.0.0.2:8080)),resubmit(,3)
table=3,priority=9,tcp,nw_dst=10.0.0.200,actions=output:2
table=3,priority=9,tcp,nw_dst=10.0.0.2,actions=drop
END
} >"$work/behind.rules"

# --- Clients -------------------------------------------------------------------------------------
at() { ip netns exec "h$1" python3 "${0%/*}/stateful.py" several "${@:2}"; }
outcomes() {  # RULES: what clients find, at the same time from both sides
  case $1 in
    firewall)
      at 1 ask,10.0.0.2,80 ask,fd00::2,80 udp,10.0.0.2,9,10 udp,fd00::2,9,10 udp,10.0.0.2,7,5000 \
        udp,fd00::2,7,5000 udp,10.0.0.3,7,10 ${ftp:+ftp,10.0.0.2} &
      at 2 ask,10.0.0.1,80 ask,fd00::1,80 udp,10.0.0.1,7,10 ask,10.0.0.3,80
      wait $!
      ;;
    nat)
      at 1 ask,10.0.0.2,80 ask,fd00::2,80 udp,10.0.0.3,7,5000 udp,fd00::3,7,5000 udp,10.0.0.3,9,10 \
        udp,fd00::3,9,10 ask,10.0.0.200,80 ask,fd00::200,80
      ;;
    balancer) at 1 many,10.0.0.201,80,24 ;;
    behind) at 1 ask,10.0.0.200,80 ;;
  esac
}
# Ports that nobody chose are N, those of a range R; which server a balancer takes is its own business.
# What a connection waits for when it is looked at is a matter of time.
nameless() { sed -E 's/\b(3[2-9][0-9]{3}|[4-6][0-9]{4})\b/N/g; s/\b5[0-9]{3}\b/R/g; s/,protoinfo=\([^)]*\)//'; }
run_all() {  # AGENT
  local set
  for set in firewall nat balancer behind; do
    "use_$1" $set || { fail "$1: rules of $set: $(cat "$work/out")"; continue; }
    dpctl flush-conntrack
    outcomes $set 2>&1 | sed 's/,5000:/,long:/' | nameless | sort >"$work/$1.$set.outcomes"
    dpctl dump-conntrack zone=5 | nameless >"$work/$1.$set.connections"
    [[ $set != balancer ]] || sed -i 's/10\.0\.0\.[23]\b/SERVER/g' "$work/$1.$set.connections"
    sort -u -o "$work/$1.$set.connections" "$work/$1.$set.connections"
  done
}

# --- Under sluiced -------------------------------------------------------------------------------
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2, v3]}
END
use_sluiced() {
  local groups=()
  [[ ! -e $work/$1.groups ]] || groups=(--groups "$work/$1.groups")
  control rules br0 replace -f "$work/$1.rules" "${groups[@]}" --wait >"$work/out" 2>&1
}
run_daemon || fail 'sluiced starts'
all_up() { (($(control port list br0 | grep -cE 'v[123] .*up') == 3)); }
wait_for all_up || fail 'ports are up'
run_all sluiced
check 'sluiced: flows are true' control flows br0 verify
kill "$daemon"
wait "$daemon"
daemon=
dpctl del-dp br0

# --- Under ovs-vswitchd --------------------------------------------------------------------------
export OVS_RUNDIR=$work OVS_LOGDIR=$work OVS_DBDIR=$work OVS_SYSCONFDIR=$work
vswitchd=$(command -v ovs-vswitchd)
schema=${vswitchd%/sbin/*}/share/openvswitch/vswitch.ovsschema
# It counts CPUs in folders that not every guest has, and not before the guest is up for ten seconds.
if [[ ! -e /sys/devices/system/node/node0/cpu0 ]]; then
  mount -t tmpfs none /sys/devices/system
  mkdir -p /sys/devices/system/node/node0/cpu0 /sys/devices/system/cpu/cpu0/topology
  echo 0 >/sys/devices/system/cpu/cpu0/topology/core_id
fi
up_long_enough() { (($(cut -d. -f1 /proc/uptime) > 11)); }
wait_for up_long_enough
ovsdb-tool create "$work/conf.db" "$schema" || fail "the peer's data base"
ovsdb-server --remote="punix:$work/db.sock" --unixctl="$work/db.ctl" "$work/conf.db" 2>"$work/ovsdb.log" &
peers=$!
wait_for test -S "$work/db.sock" || fail 'ovsdb-server starts'
ovs-vswitchd --unixctl="$work/vswitchd.ctl" "unix:$work/db.sock" 2>"$work/vswitchd.log" &
peers="$peers $!"
vsctl() { timeout 30 ovs-vsctl --db="unix:$work/db.sock" "$@"; }
vsctl --no-wait init
vsctl add-br br0 || fail 'the peer has a bridge'
for port in 1 2 3; do
  vsctl add-port br0 v$port -- set interface v$port ofport_request=$port || fail "the peer has port v$port"
done
ofctl() { ovs-ofctl -O OpenFlow15 "${@:1:1}" "unix:$work/br0.mgmt" "${@:2}" >"$work/out" 2>&1; }
use_peer() {
  ofctl del-flows && ofctl del-groups || return
  [[ ! -e $work/$1.groups ]] || ofctl add-groups "$work/$1.groups" || return
  ofctl add-flows "$work/$1.rules"
}
run_all peer
# shellcheck disable=SC2086
kill $peers $servers

# --- The same ------------------------------------------------------------------------------------
for set in firewall nat balancer behind; do
  for what in outcomes connections; do
    check "$set: the same $what" diff -u "$work/peer.$set.$what" "$work/sluiced.$set.$what"
    check "$set: there are $what" test -s "$work/sluiced.$set.$what"
  done
done
check 'firewall: most connections were to succeed' test "$(grep -cE 'hello|echo|refused|data over' "$work/sluiced.firewall.outcomes")" -ge 7
check 'firewall: some were not' test "$(grep -cE 'imeout|nothing' "$work/sluiced.firewall.outcomes")" = 4
check 'nat: all connections were to succeed' test "$(grep -cE 'hello|echo|refused' "$work/sluiced.nat.outcomes")" = 8
cat "$work"/sluiced.*.outcomes "$work"/sluiced.*.connections
finish
