# What scenarios share: hosts, a daemon, checks. Sourced by tests/scenario/*.sh, which run as root in a
# guest: `tools/vm run -- tests/scenario/NAME.sh`. Each check prints `ok NAME` or `FAIL NAME`.
# shellcheck shell=bash
set -uo pipefail

[[ ${SLUICE_GUEST-} == 1 ]] || { echo "run me as: tools/vm run -- $0" >&2; exit 2; }

work=$(mktemp -d)
failures=0
daemon=

ok() { echo "ok ${0##*/}: $*"; }
fail() {
  echo "FAIL ${0##*/}: $*"
  failures=$((failures + 1))
}
check() {
  local name=$1
  shift
  if "$@"; then ok "$name"; else fail "$name"; fi
}

# make_hosts N: namespaces h1..hN with addresses 10.0.0.N and fd00::N; the other ends are v1..vN here.
make_hosts() {
  local i
  for i in $(seq "$1"); do
    ip netns add "h$i"
    ip link add "v$i" type veth peer name eth0 netns "h$i"
    ip link set "v$i" up
    ip -n "h$i" link set lo up
    ip -n "h$i" link set eth0 address "0a:00:00:00:00:0$i" up
    ip -n "h$i" addr add "10.0.0.$i/24" dev eth0
    ip -n "h$i" addr add "fd00::$i/64" dev eth0 nodad
  done
}

not() { ! "$@"; }

control() { sluicectl --socket "$work/sluiced.sock" "$@"; }

# run_daemon: sluiced with what is configured in $work/sluiced.yaml.
run_daemon() {
  sluiced --config "$work/sluiced.yaml" 2>>"$work/sluiced.log" &
  daemon=$!
  wait_for control status
}

# start_daemon MODE: sluiced on bridge br0 with ports v1..v3.
start_daemon() {
  cat >"$work/sluiced.yaml" <<END
dispatch: $1
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, ports: [v1, v2, v3]}
END
  run_daemon
}

# wait_for COMMAND...: until it succeeds, a minute at most.
wait_for() {
  local _
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  return 1
}

# reach FROM ADDRESS: three pings, none lost.
reach() { ip netns exec "h$1" ping -q -c 3 -i 0.05 -W 2 "$2" 2>&1 | grep -q ' 0% packet loss'; }

# new_flows FROM TO: packets from and to addresses that no flow can know yet; the agent must be asked.
fresh=0
new_flows() {
  local _ before
  before=$(counter upcall_received)
  for _ in 1 2 3; do
    fresh=$((fresh + 1))
    ip -n "h$1" link set eth0 address "$(printf '0a:00:00:01:%02x:0%d' $fresh "$1")"
    ip -n "h$1" neigh flush dev eth0
    ip -n "h$2" neigh flush dev eth0
    reach "$1" "10.0.0.$2" || return 1
  done
  (($(counter upcall_received) >= before + 6))
}

# counter NAME: its value; one that was never needed is not there yet, and is 0.
counter() { control --json counters --all | python3 -c '
import json, sys
counters = json.load(sys.stdin)
counters = counters.get("counters", counters)
print(next((c["value"] for c in counters if c["name"] == sys.argv[1]), 0))' "$1"; }

finish() {
  [[ -z $daemon ]] || kill "$daemon" 2>/dev/null
  wait
  if ((failures)); then
    [[ ! -e $work/sluiced.log ]] || { echo "--- sluiced said:"; cat "$work/sluiced.log"; }
    exit 1
  fi
}
