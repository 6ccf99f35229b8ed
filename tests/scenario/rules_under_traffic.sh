#!/bin/bash
# Rules change under traffic, again and again: each packet goes where a rule says that holds when it is
# sent. None follows an old rule once --wait has returned, none is lost, and none arrives twice.
# SLUICE_RULE_CHANGES changes are made (default 100).
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

changes=${SLUICE_RULE_CHANGES:-100}
make_hosts 3
cat >"$work/br0.rules" <<'END'
table=0,priority=100,dl_type=0x88b5,in_port=v1,actions=resubmit(,1)
table=0,priority=0,actions=drop
table=1,priority=9,dl_src=0a:00:00:00:ff:ff,actions=drop
table=1,priority=1,actions=output:v2
END
cat >"$work/sluiced.yaml" <<END
control: {socket: $work/sluiced.sock}
bridges:
  - {name: br0, rules: $work/br0.rules, ports: [v1, v2, v3]}
END
run_daemon
loaded() { control rules br0 | grep -q 0x88b5; }
check 'sluiced starts' wait_for loaded
python3 "${0%/*}/rules_under_traffic.py" "$work/sluiced.sock" "$changes" | tee "$work/report"
check "$changes changes: no packet on an old path after the acknowledgement" grep -q '^on an old path: 0$' "$work/report"
check "$changes changes: no packet lost" grep -q '^lost: 0$' "$work/report"
check "$changes changes: no packet twice" grep -q '^twice: 0$' "$work/report"
check 'packets were sent at all times' grep -q '^changes without packets: 0$' "$work/report"
check 'flows carried them' test "$(dpctl dump-flows br0 | grep -c 0x88b5)" -ge 1
check 'verify: all right' control flows br0 verify
finish
