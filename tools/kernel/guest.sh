# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # sourced: variables come from and go to others
# Runs one command in a guest: channels, deadlines, and what is said when it goes wrong.
#
# A guest writes to four channels (see guest-init.sh). On this side each is a FIFO that loses its name as
# soon as both ends are open, so that a killed tools/vm leaves no more than its small run folder, which the
# next run sweeps away. Nothing of the caller's own files is handed to the guest kernel: it would make them
# non-blocking for everyone that shares them.
#
# Sourced after common.sh and fetch.sh. The caller sets the vm_* variables that main() in tools/vm documents;
# uml.sh and qemu.sh give the command line that boots (start_uml, start_qemu).

# The datapath and what tests put around it. Anything else is loaded when the kernel asks for it.
readonly GUEST_MODULES=(openvswitch vport-vxlan vport-geneve vport-gre vxlan geneve ip_gre ip6_gre veth dummy
  ifb nlmon vrf bridge tun nf_conntrack nf_nat nf_conntrack_netlink nfnetlink_cttimeout nf_conntrack_ftp
  nf_nat_ftp nf_conntrack_tftp nf_nat_tftp psample sch_netem sch_ingress cls_flower cls_matchall act_mirred
  nf_tables nft_ct nft_nat nft_masq udp_tunnel ip6_udp_tunnel bareudp nsh 8021q unix_diag inet_diag)

run_dir='' guest_pid='' helper_pids=() vm_terminal=''

sweep_run_dirs() {
  local dir
  for dir in "${TMPDIR:-/tmp}"/sluice-vm.*; do
    [[ -f $dir/owner && -O $dir ]] || continue
    kill -0 "$(<"$dir/owner")" 2>/dev/null || rm -rf "$dir"
  done
}

make_run_dir() {
  sweep_run_dirs
  run_dir=$(mktemp -d "${TMPDIR:-/tmp}/sluice-vm.XXXXXX")
  mkdir "$run_dir/input"
  # At once and whole: a guest that starts at the same time sweeps what has no living owner.
  echo $$ >"$run_dir/owner.new"
  mv "$run_dir/owner.new" "$run_dir/owner"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

clean_up() {
  local status=$?
  # A child that is killed before bash has put its own traps in place runs ours.
  ((BASHPID == $$)) || exit "$status"
  trap '' INT TERM HUP
  end_guest
  ((${#helper_pids[@]})) && kill "${helper_pids[@]}" 2>/dev/null || true
  [[ -n $vm_terminal ]] && stty "$vm_terminal" <&"$vm_stdin" || true
  rm -rf "$run_dir"
  exit "$status"
}

# The guest lives in a process namespace of its own: with its first process everything in it ends.
end_guest() {
  [[ -n $guest_pid ]] || return 0
  kill -KILL "$guest_pid" 2>/dev/null || true # it may have ended by itself
  wait "$guest_pid" 2>/dev/null || true
  guest_pid=''
}

# open_channel NAME: sets the variables NAME_read and NAME_write to the two ends of a new pipe.
open_channel() {
  local fifo=$run_dir/$1 both
  mkfifo "$fifo"
  exec {both}<>"$fifo"
  exec {chan_read}<"$fifo" {chan_write}>"$fifo" {both}>&-
  rm "$fifo"
  printf -v "$1_read" '%s' "$chan_read"
  printf -v "$1_write" '%s' "$chan_write"
}

close_fd() {
  local fd=$1
  exec {fd}>&-
}

# Folders that must be seen in the guest although it has something of its own in their place. Only the
# outermost of nested ones counts.
visible_folders() {
  local dir
  for dir in "$REPO" "$BUILD" "$CACHE" "$PWD"; do
    [[ -d $dir && $dir != / ]] && (cd -P -- "$dir" && pwd)
  done | sort -u
}

guest_environment() {
  local name path=$BUILD/bin:/run/guest/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  vm_env=("PATH=$path$(peer_path)" HOME=/root USER=root LOGNAME=root SHELL=/bin/bash
    "SLUICE_BUILD=$BUILD" "SLUICE_TEST_KERNEL=$vm_kernel")
  [[ -f $PEER/release ]] && vm_env+=("OVS_PKGDATADIR=$PEER/usr/share/openvswitch")
  for name in TERM LANG "${!SLUICE_@}"; do
    [[ -n ${!name+set} ]] && vm_env+=("$name=${!name}")
  done
  ((${#vm_scratch[@]})) && vm_env+=("SLUICE_SCRATCH=${vm_scratch[0]}")
  vm_env+=(SLUICE_GUEST=1) # kernel tests refuse to run without
  return 0
}

write_config() {
  local vm_visible vm_modules=("${GUEST_MODULES[@]}") vm_cache vm_cwd=$PWD vm_env
  vm_cache=$(kernel_dir "$vm_kernel")
  mapfile -t vm_visible < <(visible_folders)
  guest_environment
  cp "$KERNEL_TOOLS/guest-init.sh" "$run_dir/init"
  declare -p vm_kernel vm_cache vm_modules vm_command vm_cwd vm_env vm_visible vm_scratch vm_tty vm_input \
    vm_rows vm_columns | sed 's/^declare -[a-z-]* /&/' >"$run_dir/config"
}

# Lays standard input down in pieces, as it comes; see unpack_input in guest-init.sh. Stays a bounded number
# of pieces ahead of the guest.
send_input() {
  local number=0 pieces
  while :; do
    dd bs=1M count=1 status=none of="$run_dir/piece" || return
    mv "$run_dir/piece" "$run_dir/input/$number" 2>/dev/null || return
    [[ -s $run_dir/input/$number ]] || return 0
    ((number += 1))
    while pieces=("$run_dir"/input/*) && ((${#pieces[@]} > 32)); do
      sleep 0.02
    done
  done
}

# start_guest: boots in the background; standard files of the kernel's own process go to the console log.
start_guest() {
  local command=()
  if [[ $vm_kernel == uml ]]; then
    uml_command
  else
    qemu_command
  fi
  local namespaces=(--mount --pid --fork --kill-child=KILL)
  setpriv --pdeathsig KILL -- unshare "${namespaces[@]}" -- \
    "$KERNEL_TOOLS/sandbox.sh" "$run_dir" "${vm_scratch[@]}" -- "${command[@]}" \
    </dev/null >&"$console_write" 2>&1 &
  guest_pid=$!
}

# await WORD SECONDS: reads the control channel until a line that begins with WORD; its rest is in $answer.
# Returns 1 when the guest is gone, 2 when the time is over.
await() {
  local word=$1 deadline=$((SECONDS + $2)) line status
  while ((SECONDS < deadline)); do
    read -r -t $((deadline - SECONDS)) -u "$control_read" line
    status=$?
    ((status > 128)) && return 2
    ((status)) && return 1
    [[ $line == 'took '* ]] && rm -f "$run_dir/input/${line#took }"
    [[ $line == "$word"* ]] && answer=${line#"$word"} && return 0
    [[ $line == ready ]] && return 1 # it has restarted
  done
  return 2
}

# run_guest: the whole life of a guest. Ends with the status of the command.
run_guest() {
  local answer='' status copies=()
  make_run_dir
  open_channel console
  open_channel control
  open_channel out
  open_channel err
  open_channel in
  write_config
  start_guest
  close_fd "$console_write"
  close_fd "$control_write"
  close_fd "$out_write"
  close_fd "$err_write"
  close_fd "$in_read"
  # Not before the above: a copying process that held a write end would keep the others from their end.
  cat <&"$console_read" >"$run_dir/console" &
  copies+=($!)
  cat <&"$out_read" &
  copies+=($!)
  cat <&"$err_read" >&2 &
  copies+=($!)

  await ready "$vm_boot_limit" || fail_guest $? boot
  if ((vm_tty)); then
    cat <&"$vm_stdin" >&"$in_write" &
    helper_pids+=($!)
  elif ((vm_input)); then
    send_input <&"$vm_stdin" &
    helper_pids+=($!)
  fi
  await 'exit ' "$vm_timeout" || fail_guest $? command
  status=$answer
  wait_for_guest_end
  wait "${copies[@]}"
  report_kernel_log "$status"
  exit "$status"
}

# Powering off takes a moment; a guest that cannot is ended. Its answer is in already.
wait_for_guest_end() {
  local timer
  (sleep 5 && kill -KILL "$guest_pid") 2>/dev/null &
  timer=$!
  wait "$guest_pid" 2>/dev/null || true
  kill "$timer" 2>/dev/null || true
  guest_pid=''
}

# fail_guest HOW PHASE: says what became of a guest that gave no answer.
fail_guest() {
  local how=$1 phase=$2 limit=$vm_timeout exit_status=$EXIT_GUEST
  end_guest
  sleep 0.1 # the last lines of the console are on their way
  if grep -qa 'Kernel panic' "$run_dir/console"; then
    say "the guest panicked (kernel $vm_kernel); the end of its console:"
  elif ((how == 1)); then
    say "the guest ended without an answer (kernel $vm_kernel, $phase); the end of its console:"
  else
    [[ $phase == boot ]] && limit=$vm_boot_limit
    [[ $phase == command ]] && exit_status=$EXIT_TIMEOUT
    say "the guest gave no answer within $limit s (kernel $vm_kernel, $phase); the end of its console:"
  fi
  tail -n 30 "$run_dir/console" | tr -d '\r' | sed 's/^/  /' >&2
  exit "$exit_status"
}

# report_kernel_log STATUS: warnings and worse always; the datapath's own lines when the command failed.
report_kernel_log() {
  local status=$1 log
  log=$(tr -d '\r\0' <"$run_dir/console")
  if grep -qE 'WARNING: |BUG: |Oops|general protection|Kernel panic' <<<"$log"; then
    say "the guest's kernel warned:"
    { grep -E -A 30 -m 3 'WARNING: |BUG: |Oops|general protection' <<<"$log" || true; } | head -n 100 | sed 's/^/  /' >&2
  fi
  if ((status != 0)); then
    log=$(sed '1,/guest: the command starts/d' <<<"$log" | grep 'openvswitch:' | tail -n 40) || return 0
    say "the command failed ($status); what the datapath logged meanwhile:"
    sed 's/^/  /' >&2 <<<"$log"
  fi
}
