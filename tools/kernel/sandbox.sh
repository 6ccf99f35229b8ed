#!/bin/bash
# Runs a guest kernel where the host's files cannot be written, whatever the guest does.
#
#   unshare --mount --pid --fork … sandbox.sh RUN_DIR [SCRATCH]… -- PROGRAM ARG…
#
# A guest's own "mount -o ro" protects nothing: its root can mount again read-write. So the protection is
# on this side: in a mount namespace of its own every mount is made read-only, but for the scratch folders,
# and then the capability to mount is given up for good.
#
# RUN_DIR (the guest's init and its configuration) is shown at /boot, which nothing in a guest needs, so
# that the kernel's command line holds no path that could have a blank in it.
set -euo pipefail

run_dir=$1
shift
scratch=()
while [[ $1 != -- ]]; do
  scratch+=("$1")
  shift
done
shift

writable() {
  local dir
  for dir in /dev/shm "${scratch[@]}"; do
    [[ $1 == "$dir" ]] && return 0
  done
  return 1
}

# mount_read_only POINT OPTIONS: keeps the flags that are there, which a user namespace may not drop.
mount_read_only() {
  local options=remount,bind,ro flag
  for flag in nosuid nodev noexec noatime nodiratime relatime; do
    [[ ,$2, == *",$flag,"* ]] && options+=,$flag
  done
  mount -o "$options" -- "$1" 2>/dev/null
}

mount -t tmpfs -o mode=1777 guest /dev/shm # the guest's memory (uml) and sockets
mount --bind -- "$run_dir" /boot
for dir in "${scratch[@]}"; do
  mount --bind -- "$dir" "$dir"
done

while read -r _ _ _ _ point options _; do
  printf -v point '%b' "${point//\\/\\0}" # mountinfo writes a blank as \040
  [[ ,$options, == *,ro,* ]] && continue
  writable "$point" && continue
  mount_read_only "$point" "$options" && continue
  # A mount that another one hides cannot be reached by its path, nor can the guest reach it. Everything
  # else must be read-only.
  if [[ -e $point && -w $point ]]; then
    echo "sandbox: cannot make $point read-only" >&2
    exit 1
  fi
done </proc/self/mountinfo

# What is left lets the guest's root do with files in the scratch folders what root does.
# Not by exec: the first process of a process namespace cannot abort, which is how user-mode Linux ends when
# it panics. A core file would be as large as the guest's memory.
ulimit -c 0
setpriv --inh-caps=-all \
  --bounding-set=-all,+chown,+dac_override,+dac_read_search,+fowner,+fsetid,+mknod -- "$@"
