# The peer (Debian's openvswitch-switch) for guests: unpacked into the cache, never installed on the host.
# Sourced after common.sh.

PEER=$CACHE/peer

# Folders to add to a guest's PATH; empty without the peer.
peer_path() { [[ -f $PEER/release ]] && printf '%s' "$PEER/usr/sbin:$PEER/usr/bin"; return 0; }
