#!/bin/sh
# Records what a kernel sends while kernel tests run, with nlmon, into the folder $SLUICE_SCRATCH:
#
#   tools/vm run --scratch OUT -- tests/golden/capture.sh && cp OUT/*.hex tests/golden/
#   SLUICE_GOLDEN_WRITE=1 build/release/bin/tests/ovs_golden_test   # writes the texts
set -eu
cd "$(dirname "$0")/../.."
modprobe nlmon 2>/dev/null || true
ip link add nlmon0 type nlmon
ip link set nlmon0 up
python3 tests/golden/record.py "${SLUICE_SCRATCH:?}" &
recorder=$!
sleep 1  # until it listens: nothing here can be waited for
"${SLUICE_BUILD:-build/release}/bin/tests/kernel_flow_kinds_test"
"${SLUICE_BUILD:-build/release}/bin/tests/kernel_forwarding_test" || true
kill "$recorder"
wait "$recorder"
