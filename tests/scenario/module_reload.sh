#!/bin/bash
# The openvswitch module is taken out and put back while sluiced runs: it says that there is no
# datapath, and has all of it again when the module is back. A module whose datapaths have ports cannot
# be taken out.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

in_use() { ! rmmod openvswitch 2>/dev/null; }
is_up() { control status | grep -q 'port .*v1 .* up'; }
# The agent is stopped meanwhile, as it makes a datapath that is deleted again at once.
take_out() {
  kill -STOP "$daemon"
  dpctl del-dp br0
  local module status=0
  for module in vport_vxlan vport_geneve vport_gre openvswitch; do
    [[ ! -d /sys/module/$module ]] || rmmod "$module" || status=1
  done
  # Nobody loads it but us: the kernel would, for whoever asks for the family.
  echo /bin/false >/proc/sys/kernel/modprobe
  kill -CONT "$daemon"
  return $status
}
put_back() { modprobe openvswitch; }
says_it() { grep -q 'br0: cannot have the datapath, trying on' "$work/sluiced.log"; }

make_hosts 3
loader=$(cat /proc/sys/kernel/modprobe)
for mode in per-cpu per-port; do
  : >"$work/sluiced.log"
  start_daemon $mode || { fail "$mode: sluiced starts"; continue; }
  check "$mode: hosts talk" reach 1 10.0.0.2
  check "$mode: a module that is in use stays" in_use
  check "$mode: the module can be taken out" take_out
  check "$mode: the agent says that there is no datapath" wait_for says_it
  check "$mode: status says what is to be done" grep -q 'NO DATAPATH.*modprobe openvswitch' <(control status)
  check "$mode: the module is put back" put_back
  check "$mode: the ports are back" wait_for is_up
  # The first packet that a handler answers finds the families by their old numbers: it is lost, and
  # counted (install_execute_errors).
  check "$mode: hosts talk again" wait_for reach 1 10.0.0.2
  check "$mode: new flows are answered" new_flows 1 3
  echo "$loader" >/proc/sys/kernel/modprobe
  kill "$daemon"
  wait "$daemon"
done
finish
