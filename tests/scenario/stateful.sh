#!/bin/bash
# Connection tracking by rules, with real servers and clients: a stateful firewall, addresses translated
# at either end, a balancer, FTP, ICMP errors and fragments; and nobody notices when sluiced is killed
# and started again.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

modprobe -aq nf_conntrack nf_nat 2>/dev/null
make_hosts 3
for host in 2 3; do
  ip netns exec h$host python3 "${0%/*}/stateful.py" serve "$work/ready$host" &
  servers="${servers-} $!"
done
ip netns exec h1 python3 "${0%/*}/stateful.py" serve "$work/ready1" &
servers="$servers $!"
at() {  # HOST COMMAND...
  ip netns exec "h$1" python3 "${0%/*}/stateful.py" "${@:2}"
}
says() { [[ $("${@:2}") == "$1" ]]; }
says_like() { [[ $("${@:2}") =~ $1 ]]; }

cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2, v3], rules: $work/br0.rules}
END
echo 'priority=0,actions=normal' >"$work/br0.rules"
start() {
  sluiced --config "$work/sluiced.yaml" 2>>"$work/sluiced.log" &
  daemon=$!
  wait_for control status
}
start || fail 'sluiced starts'
for host in 1 2 3; do wait_for test -e "$work/ready$host" || fail "servers of h$host"; done

# The zone, where the kernel has any.
zone=,zone=5
dpctl features 2>/dev/null | grep -q '^ct_zone .*yes' || zone=
echo "   zone: ${zone:-none here}"
# What every set of rules begins with: addresses are found, everything else is tracked.
track() {  # ARGUMENTS of ct
  cat <<END
priority=200,arp,actions=normal
priority=200,icmp6,icmpv6_type=135,actions=normal
priority=200,icmp6,icmpv6_type=136,actions=normal
priority=100,ip,actions=ct(table=1$zone$1)
priority=100,ipv6,actions=ct(table=1$zone$1)
table=1,priority=90,ct_state=+trk+est,actions=normal
table=1,priority=90,ct_state=+trk+rel,actions=normal
END
}
replace() { control rules br0 replace -f - --wait >/dev/null; }

# --- A firewall: h1 may begin, others may answer -------------------------------------------------
{
  track ''
  for ip in ip ipv6; do echo "table=1,priority=50,$ip,ct_state=+trk+new,in_port=v1,actions=ct(commit$zone,exec(set_field:0x7->ct_mark)),normal"; done
} | replace || fail 'rules of the firewall'
check 'firewall: h1 opens a connection' says_like '10.0.0.2 80 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.2 80
check 'firewall: over IPv6' says_like 'fd00::2 80 fd00::1 [0-9]+ hello' at 1 ask fd00::2 80
check 'firewall: h2 cannot' says_like '(timeout|TimeoutError)' at 2 ask 10.0.0.1 80
check 'firewall: nor over IPv6' says_like '(timeout|TimeoutError)' at 2 ask fd00::1 80
check 'firewall: echo requests of h1 are answered' reach 1 10.0.0.2
check 'firewall: an ICMP error belongs to the connection' says refused at 1 udp 10.0.0.2 9 10
check 'firewall: and an ICMPv6 error' says refused at 1 udp fd00::2 9 10
check 'firewall: fragments' says echo at 1 udp 10.0.0.2 7 5000
check 'firewall: fragments of IPv6' says echo at 1 udp fd00::2 7 5000
check 'connections have the mark' grep -q 'mark=7' <(dpctl dump-conntrack)
check 'flows are true' control flows br0 verify
control flows br0 2>/dev/null | grep -m 2 recirc
if modprobe -q nf_conntrack_ftp 2>/dev/null; then
  {
    track ''
    echo "table=1,priority=60,tcp,tp_dst=21,ct_state=+trk+new,in_port=v1,actions=ct(commit$zone,alg=ftp),normal"
    echo "table=1,priority=95,ip,ct_state=+trk+new+rel,actions=ct(commit$zone),normal"
  } | replace || fail 'rules of ftp'
  check 'ftp: the data connection from outside is let in' says 'data over ftp' at 1 ftp 10.0.0.2
else
  echo "skip ${0##*/}: ftp: the kernel has no nf_conntrack_ftp"
fi

# --- Addresses are translated --------------------------------------------------------------------
for host in 2 3; do ip -n h$host neigh replace 10.0.0.100 lladdr 0a:00:00:00:00:01 dev eth0; done
ip -n h1 neigh replace 10.0.0.200 lladdr 0a:00:00:00:00:02 dev eth0
{
  track ,nat
  echo "table=1,priority=50,ip,ct_state=+trk+new,in_port=v1,actions=ct(commit,table=2$zone,nat(src=10.0.0.100:5000-5999))"
  echo "table=1,priority=60,tcp,nw_dst=10.0.0.200,ct_state=+trk+new,actions=ct(commit,table=2$zone,nat(dst=10.0.0.2:8080))"
  echo "table=2,actions=normal"
} >"$work/br0.rules"
replace <"$work/br0.rules" || fail 'rules of nat'
check 'snat: the server sees another address' says_like '10.0.0.2 80 .*10.0.0.100 5[0-9]{3} hello' at 1 ask 10.0.0.2 80
check 'snat: udp in fragments' says echo at 1 udp 10.0.0.3 7 5000
check 'snat: an ICMP error comes back' says refused at 1 udp 10.0.0.3 9 10
check 'dnat: another address and port' says_like '10.0.0.2 8080 .*10.0.0.1 [0-9]+ hello' at 1 ask 10.0.0.200 80
check 'flows are true' control flows br0 verify

# --- sluiced is killed, and started again, under translated connections ---------------------------
ip netns exec h1 python3 "${0%/*}/stateful.py" talk 10.0.0.2 80 "$work/snat" >"$work/snat.out" 2>&1 &
talkers=$!
ip netns exec h1 python3 "${0%/*}/stateful.py" talk 10.0.0.200 80 "$work/dnat" >"$work/dnat.out" 2>&1 &
talkers="$talkers $!"
rounds_beyond() { [[ $(cat "$work/snat" 2>/dev/null || echo 0) -gt $1 && $(cat "$work/dnat" 2>/dev/null || echo 0) -gt $1 ]]; }
check 'restart: connections talk' wait_for rounds_beyond 10
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
was=$(($(cat "$work/snat") > $(cat "$work/dnat") ? $(cat "$work/snat") : $(cat "$work/dnat")))
check 'restart: they do without an agent' wait_for rounds_beyond $((was + 10))
start || fail 'sluiced starts again'
was=$(($(cat "$work/snat") > $(cat "$work/dnat") ? $(cat "$work/snat") : $(cat "$work/dnat")))
check 'restart: and with the next one' wait_for rounds_beyond $((was + 10))
check 'restart: flows of both halves were adopted' test "$(counter revalidator_adopted)" -ge 4
echo "   adopted $(counter revalidator_adopted), deleted $(counter revalidator_foreign_deleted)"
check 'restart: no packet came back to a half that nobody knows' test "$(counter upcall_verdict_drop_unknown_recirc)" = 0
check 'restart: new connections' says_like '10.0.0.100 5[0-9]{3} hello' at 1 ask 10.0.0.2 80
# shellcheck disable=SC2086
kill $talkers
# shellcheck disable=SC2086
wait $talkers
check 'restart: no connection broke' grep -qh 'rounds' "$work/snat.out"
check 'restart: nor the other' grep -qh 'rounds' "$work/dnat.out"

# --- A balancer ----------------------------------------------------------------------------------
ip -n h1 neigh replace 10.0.0.201 lladdr 0a:00:00:00:00:0f dev eth0
cat >"$work/groups" <<END
group_id=1,type=select,selection_method=hash,fields(ip_src,tcp_src),bucket=actions=ct(commit,table=2$zone,nat(dst=10.0.0.2)),bucket=actions=ct(commit,table=2$zone,nat(dst=10.0.0.3))
END
control rules br0 replace -f - --groups "$work/groups" --wait >/dev/null <<END || fail 'rules of the balancer'
$(track ,nat)
table=1,priority=50,tcp,nw_dst=10.0.0.201,ct_state=+trk+new,actions=group:1
table=1,priority=95,ip,in_port=v1,ct_state=+trk+est,actions=resubmit(,2)
table=2,ip,nw_dst=10.0.0.2,actions=mod_dl_dst:0a:00:00:00:00:02,output:v2
table=2,ip,nw_dst=10.0.0.3,actions=mod_dl_dst:0a:00:00:00:00:03,output:v3
END
check 'balancer: both servers are asked' says '::ffff:10.0.0.2 ::ffff:10.0.0.3' at 1 many 10.0.0.201 80 24
check 'flows are true' control flows br0 verify
check 'nothing was refused' test "$(counter install_flow_errors)$(counter install_execute_errors)" = 00
control counters | grep -E 'recirc|drop_|error|refused' || true
# shellcheck disable=SC2086
kill $servers
finish
