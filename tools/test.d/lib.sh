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
run_tests() { printf '%s\0' "$@" | xargs -0 -r -n1 -P"$jobs" tools/test.d/run-one; }

# run_kernel_tests KERNEL PROGRAM...: each in a kernel of its own, so that none sees another's traces.
run_kernel_tests() {
  local kernel=$1
  shift
  export RUN_UNDER="$PWD/tools/vm run --kernel $kernel --"
  run_tests "$@"
}

# The kernel tests of a build, as absolute paths.
kernel_tests() { sed "s|^|$PWD/build/$1/|" "build/$1/kernel-tests.list"; }
