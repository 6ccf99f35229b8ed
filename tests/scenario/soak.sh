#!/bin/bash
# Random operations without pause: rules, groups, ports, purges, reloads, traffic, and restarts. sluiced
# stays alive and true, and its memory does not grow. SLUICE_SOAK_SECONDS (default 10) is how long.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

seconds=${SLUICE_SOAK_SECONDS:-10}
make_hosts 4
cat >"$work/br0.rules" <<'END'
table=0,priority=10,in_port=v3,actions=resubmit(,1)
table=0,priority=0,actions=normal
END
configure() { # PORTS
  cat >"$work/fresh.yaml" <<END
control: {socket: $work/sluiced.sock}
flows: {limit: 2000, idle_timeout: 2s}
bridges:
  - {name: br0, rules: $work/br0.rules, mac_limit: 1024, ports: [$1]}
END
  mv "$work/fresh.yaml" "$work/sluiced.yaml"
}
configure 'v1, v2, v3'
start() {
  sluiced --config "$work/sluiced.yaml" 2>>"$work/sluiced.log" &
  daemon=$!
  wait_for control status
}
check 'sluiced starts' start
python3 "${0%/*}/soak.py" "$work" "$daemon" "$seconds" | tee "$work/report"
check "$seconds seconds of random operations: sluiced lives" kill -0 "$daemon"
check 'its memory does not grow' grep -q '^growth: within bounds' "$work/report"
check 'all operations were answered' grep -q '^refused: 0$' "$work/report"
check 'verify was always right' grep -q '^verify found something: 0$' "$work/report"

configure 'v1, v2, v3'
kill -HUP "$daemon"
for signal in TERM KILL; do
  kill -$signal "$daemon"
  wait "$daemon" 2>/dev/null
  check "it starts again after SIG$signal" start
done
check 'hosts talk' reach 1 10.0.0.2
check 'verify: all right' control flows br0 verify
finish
