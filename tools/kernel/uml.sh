# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # sourced: variables come from and go to others
# User-mode Linux: a kernel as a program. Sourced after guest.sh.

# On one CPU, always the same: a system call in the guest then costs a tenth. Each run takes a CPU that no
# other run has, as long as there is one. The lock is held as long as this process lives.
choose_cpu() {
  local cpu cpus
  mapfile -t cpus < <(allowed_cpus)
  mkdir -p "$KERNEL_CACHE/.cpu"
  for cpu in $(shuf -e "${cpus[@]}"); do
    exec {cpu_lock}>"$KERNEL_CACHE/.cpu/$cpu"
    flock --nonblock "$cpu_lock" && break
    exec {cpu_lock}>&-
  done
  chosen_cpu=$cpu
}

# The CPUs that this process may run on, one a line: "0-2,5" is 0 1 2 5.
allowed_cpus() {
  local range
  for range in $(taskset -cp $$ | sed 's/.*: //; s/,/ /g'); do
    seq "${range%-*}" "${range#*-}"
  done
}

# Sets the array command. No panic=: a panic ends the process, while a restart would boot anew in it. Serial lines 1 to 3 are the channels out, err and control; line 0 is the
# terminal of tools/vm shell.
uml_command() {
  local kernel chosen_cpu
  kernel=$(kernel_dir uml)/linux.uml
  choose_cpu
  command=(taskset -c "$chosen_cpu" "$kernel" "mem=$vm_memory" seccomp=on
    rootfstype=hostfs rootflags=/ ro init=/boot/init uml_dir=/dev/shm/uml
    con=null "con0=null,fd:$console_write" ssl=null
    "ssl2=null,fd:$err_write" "ssl3=null,fd:$control_write")
  if ((vm_tty)); then # one file descriptor serves one line only
    command+=("ssl0=fd:$in_read,fd:$out_write")
  else
    command+=("ssl1=null,fd:$out_write")
  fi
}
