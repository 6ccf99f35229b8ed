# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # sourced: variables come from and go to others
# The peer (Debian's openvswitch-switch) for guests: unpacked into the cache, never installed on the host, so
# that no service of it starts there. Sourced after common.sh; ensure_peer needs apt.sh too.

PEER=$CACHE/peer

# Folders to add to a guest's PATH; empty without the peer.
peer_path() {
  if [[ -f $PEER/release ]]; then
    printf ':%s' "$PEER/usr/sbin:$PEER/usr/bin"
  fi
}

# The peer's release for this machine's Debian, as its libraries are this machine's.
ensure_peer() {
  local lock suite new=$CACHE/.new-peer version
  [[ -f $PEER/release ]] && return
  mkdir -p "$CACHE"
  exec {lock}>"$CACHE/.peer.lock"
  flock "$lock"
  if [[ ! -f $PEER/release ]]; then
    suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-bookworm}")
    say "fetching the peer (openvswitch-switch) from Debian's '$suite'"
    rm -rf "$new"
    mkdir -p "$new"
    suite_update "$suite" || die "$EXIT_USAGE" "the peer cannot be had: see the line above"
    suite_unpack "$suite" "$new" openvswitch-switch openvswitch-common ||
      die "$EXIT_USAGE" "the peer cannot be had: see the line above"
    version=$(suite_field "$suite" openvswitch-switch Version)
    suite_forget "$suite"
    link_alternatives "$new"
    printf '%s\n' "$version" >"$new/release"
    rm -rf "$PEER"
    mv "$new" "$PEER"
  fi
  exec {lock}>&-
}

# The package installs the daemon through Debian's alternatives.
link_alternatives() {
  local daemon=$1/usr/lib/openvswitch-switch/ovs-vswitchd
  if [[ -x $daemon && ! -e $1/usr/sbin/ovs-vswitchd ]]; then
    ln -s ../lib/openvswitch-switch/ovs-vswitchd "$1/usr/sbin/ovs-vswitchd"
  fi
}
