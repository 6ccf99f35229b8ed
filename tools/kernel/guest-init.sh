#!/bin/bash
# shellcheck disable=SC2154,SC2034,SC2016 # variables come from the configuration
# The guest's first process: makes a usable machine of it, runs one command, reports its status, powers off.
#
# The same for every kernel. /boot has this script and "config", bash text written by guest.sh:
#   vm_kernel vm_cache vm_modules  the kernel's name, its folder in the cache, the modules to load
#   vm_command vm_cwd vm_env       what to run, where, with which environment
#   vm_tty                         1: run it on a terminal (tools/vm shell)
#   vm_visible vm_scratch          host folders that stay visible; those that can be written as well
# Channels lead to the host: out, err, and control, which carries the lines "ready", "took N" and "exit N".
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
# shellcheck source=/dev/null
. /boot/config

modprobe_cache() { modprobe -C /dev/null -d "$vm_cache" "$@"; }

mount_kernel_filesystems() {
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
  ln -sfn /proc/self/fd /dev/fd
  ln -sfn /proc/self/fd/0 /dev/stdin
  ln -sfn /proc/self/fd/1 /dev/stdout
  ln -sfn /proc/self/fd/2 /dev/stderr
  mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
  mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
  mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
  mount -t bpf bpf /sys/fs/bpf 2>/dev/null
}

# The host's root stays read-only. /run and the temporary folders are empty and new; over the other places
# that programs write to, an overlay keeps what is written in memory.
mount_writable_places() {
  local place
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/guest/overlay /run/guest/bin /run/guest/host /run/lock
  mount --bind / /run/guest/host
  mount -t tmpfs -o mode=755 tmpfs /run/guest/overlay
  for place in etc root home var srv opt mnt media; do
    [[ -d /$place && ! -L /$place ]] || continue
    mkdir -p "/run/guest/overlay/$place/"{upper,work}
    mount -t overlay -o \
      "lowerdir=/$place,upperdir=/run/guest/overlay/$place/upper,workdir=/run/guest/overlay/$place/work" \
      overlay "/$place" || mount -t tmpfs tmpfs "/$place"
  done
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mount -t tmpfs -o mode=1777 tmpfs /var/tmp
}

# Shows the repository, the build and so on again, read-only, where the above has hidden them or made them
# seem writable. Scratch folders come last: one may lie inside the build folder.
mount_host_folders() {
  local dir number=0
  for dir in "${vm_visible[@]}"; do
    mkdir -p -- "$dir" 2>/dev/null
    mount --bind -- "/run/guest/host$dir" "$dir" || echo "guest: cannot show $dir" >/dev/kmsg
  done
  for dir in "${vm_scratch[@]}"; do
    mkdir -p -- "$dir" 2>/dev/null
    mount_scratch "$dir" $((number++)) || echo "guest: cannot mount $dir" >/dev/kmsg
  done
  umount -l /run/guest/host
}

# mount_scratch DIR NUMBER
mount_scratch() {
  if [[ $vm_kernel == uml ]]; then
    mount -t hostfs -o "$1" none "$1"
  else
    mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,cache=mmap" "scratch$2" "$1"
  fi
}

# modprobe for the guest's modules: the kernel's own requests go through it, and so can the command's.
write_modprobe() {
  printf '#!/bin/sh\nexec /sbin/modprobe -C /dev/null -d "%s" "$@"\n' "$vm_cache" >/run/guest/bin/modprobe
  chmod +x /run/guest/bin/modprobe
  echo /run/guest/bin/modprobe >/proc/sys/kernel/modprobe
}

set_up_network() {
  hostname sluice-test 2>/dev/null || echo sluice-test >/proc/sys/kernel/hostname
  ip link set lo up
  # The datapath says in the log, and often only there, why it refused something: lose no line.
  echo 0 >/proc/sys/net/core/message_cost
  echo 8 >/proc/sys/kernel/printk
}

# Sets the variables in out err control to the channels' devices, raw: what goes in comes out.
find_channels() {
  local port
  if [[ $vm_kernel == uml ]]; then
    in=/dev/ttyS0 out=/dev/ttyS1 err=/dev/ttyS2 control=/dev/ttyS3
    for port in "$out" "$err" "$control"; do
      stty -F "$port" raw -echo
    done
    return
  fi
  for port in /sys/class/virtio-ports/*; do
    printf -v "$(cat "$port/name")" '/dev/%s' "${port##*/}"
  done
}

# The host lays its standard input down as numbered files, an empty one at the end, and takes each away when
# told so. (A serial line of user-mode Linux loses input, and has no way to say "end".)
unpack_input() {
  local number=0 wait=0.01 never
  exec {never}<> <(:)
  while :; do
    until [[ -e /boot/input/$number ]]; do
      read -r -t "$wait" -u "$never"
      wait=0.1
    done
    [[ -s /boot/input/$number ]] || return
    cat "/boot/input/$number" || return
    echo "took $number" >&3
    ((number += 1))
    wait=0.01
  done
}

# Runs the command with pipes for its standard files, as it would have on the host, and waits until all that
# it wrote has left the guest.
run_on_pipes() {
  local copies=() pipes=/run/guest/pipes status
  mkdir -p "$pipes"
  mkfifo "$pipes/out" "$pipes/err"
  cat "$pipes/out" >"$out" &
  copies+=($!)
  cat "$pipes/err" >"$err" &
  copies+=($!)
  if ((vm_input)); then
    mkfifo "$pipes/in"
    unpack_input >"$pipes/in" &
    run_command <"$pipes/in" >"$pipes/out" 2>"$pipes/err" 3>&- 4>&-
  else
    run_command </dev/null >"$pipes/out" 2>"$pipes/err" 3>&- 4>&-
  fi
  status=$?
  # What the command left running in the background would hold the pipes open.
  kill_all_but "${copies[@]}"
  wait "${copies[@]}"
  return "$status"
}

kill_all_but() {
  local dir pid
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [[ $pid == 1 || " $* " == *" $pid "* ]] && continue
    [[ -e $dir/exe ]] && kill -KILL "$pid"
  done 2>/dev/null
}

run_on_terminal() {
  local status
  stty -F "$in" sane rows "${vm_rows:-24}" cols "${vm_columns:-80}"
  # shellcheck disable=SC2094  # the terminal is both
  setsid --ctty --wait "$BASH" -c 'exec "$@"' shell env -i "${vm_env[@]}" "${vm_command[@]}" \
    <"$in" >"$in" 2>&1
  status=$?
  kill_all_but
  return "$status"
}

run_command() { env -i "${vm_env[@]}" "${vm_command[@]}"; }

mount_kernel_filesystems
modprobe_cache -q overlay
mount_writable_places
mount_host_folders
write_modprobe
modprobe_cache -q -a "${vm_modules[@]}"
set_up_network
find_channels
exec 3>"$control" 4>/dev/kmsg
cd -- "$vm_cwd" || cd /

# From here on the host waits for the command; what the kernel logs belongs to it.
echo 'guest: the command starts' >&4
echo ready >&3
if ((vm_tty)); then
  run_on_terminal
else
  run_on_pipes
fi
status=$?
sync
echo "exit $status" >&3
exec 3>&-
echo o >/proc/sysrq-trigger
sleep 60
