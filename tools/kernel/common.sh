# What every script of the test kernel needs: where things are, and how to give up.
# To be sourced by bash; sets no shell options of its own.
# shellcheck shell=bash disable=SC2034 # variables for those who source this

KERNEL_TOOLS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
REPO=$(cd -- "$KERNEL_TOOLS/../.." && pwd -P)
CACHE=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
KERNEL_CACHE=$CACHE/kernel
BUILD=${SLUICE_BUILD:-$REPO/build/release}

# Exit statuses of tools/vm itself; any other status is the guest command's own.
readonly EXIT_USAGE=2      # bad usage, or a kernel that cannot be had
readonly EXIT_TIMEOUT=124  # the command gave no answer in time
readonly EXIT_GUEST=125    # the guest did not start, panicked or went away

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

# need PROGRAM PACKAGE GROUP: a clear line instead of "command not found" half-way through.
need() {
  command -v "$1" >/dev/null ||
    die "$EXIT_USAGE" "there is no '$1' (Debian package $2): run tools/setup $3"
}
