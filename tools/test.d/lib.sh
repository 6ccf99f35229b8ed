# What the stages share. Sourced by them; they run from the root of the repository.
# shellcheck shell=bash

jobs=$(nproc)

# check NAME COMMAND...: one check. Its output is shown, then how it ended.
check() {
  local name=$1
  shift
  if "$@"; then echo "ok $name"; else echo "FAIL $name"; fi
}

# skip NAME WHY: a check that cannot be made here.
skip() { echo "skip $1: $2"; }

# build PRESET [TARGET...]: configures and builds; one check.
build() {
  local preset=$1
  shift
  check "build $preset" build_ "$preset" "$@"
}
build_() {
  local preset=$1
  shift
  local told
  told=$(cmake --preset "$preset" 2>&1) || { echo "$told"; return 1; }
  cmake --build --preset "$preset" ${1+--target "$@"} -- --quiet
}

# run_tests PROGRAM...: test programs, side by side; what each prints comes in one piece.
run_tests() {
  (($#)) || return 0
  printf '%s\0' "$@" | xargs -0 -n1 -P"$jobs" tools/test.d/run-one
}

# run_kernel_tests KERNEL [CPUS]: those of the release build, each program in a guest of its own, so
# that none sees what another left behind.
run_kernel_tests() {
  local programs
  mapfile -t programs < <(sed "s|^|$PWD/build/release/|" build/release/kernel-tests.list)
  check "kernel $1 is here" tools/vm fetch "$1"
  export RUN_UNDER="tools/vm run --kernel $1 --cpus ${2:-1} --"
  run_tests "${programs[@]}"
}
