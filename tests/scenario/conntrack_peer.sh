#!/bin/bash
# Connections of every protocol that the guest can make, and their limits: dpctl prints what the peer's
# ovs-dpctl prints, and each reads what the other has set.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

command -v ovs-dpctl >/dev/null || { echo "skip ${0##*/}: ovs-dpctl is not here (tools/setup peer)"; exit 0; }
modprobe -a nf_conntrack_netlink sctp 2>/dev/null
sysctl -qw net.netfilter.nf_conntrack_acct=1
sysctl -qw net.netfilter.nf_conntrack_timestamp=1 2>/dev/null
make_hosts 2
dpctl add-dp dp0 v1,port_no=1 v2,port_no=2

# track ZONE: h1 and h2 talk through dp0, which tracks what they say; neighbour discovery passes.
track() {
  local in out
  for in in 1 2; do
    out=$((3 - in))
    dpctl add-flows --atomic dp0 - <<END || return 1
in_port($in),eth(),eth_type(0x0806) $out
in_port($in),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=0x80/0xf0) $out
in_port($in),eth(),eth_type(0x0800),ipv4(frag=no) ct(commit,$1mark=0x10/0xff,label=0x123/0xfff),$out
in_port($in),eth(),eth_type(0x86dd),ipv6(proto=6,frag=no) ct(commit,$1mark=0x20),$out
END
  done
}
zone=5
track zone=5, 2>/dev/null || { zone=0 && track ''; }

cat >"$work/listen.py" <<'END'
import signal, socket, sys
keep = []
for host, port in (("10.0.0.2", 80), ("10.0.0.2", 81), ("fd00::2", 80)):
    keep.append(socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET))
try:
    keep.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP))
    keep[-1].bind(("10.0.0.2", 90))
    keep[-1].listen()
except OSError:
    pass
open(sys.argv[1], "w").close()
keep[1].accept()[0].close()
signal.pause()
END
cat >"$work/talk.py" <<'END'
import signal, socket, sys
keep = [socket.create_connection(to, source_address=me) for to, me in (
    (("10.0.0.2", 80), ("10.0.0.1", 1000)), (("10.0.0.2", 81), ("10.0.0.1", 1001)),
    (("fd00::2", 80), ("fd00::1", 1000)))]
keep[1].recv(1)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("10.0.0.1", 1053))
udp.sendto(b"x", ("10.0.0.2", 53))
for protocol, payload in ((2, b"\x11" + bytes(7)), (99, b"abcd"), (136, b"\0\1\0\2\0\x08\0\0")):
    socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol).sendto(payload, ("10.0.0.2", 0))
try:
    keep.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP))
    keep[-1].connect(("10.0.0.2", 90))
except OSError:
    pass
open(sys.argv[1], "w").close()
signal.pause()
END
ip netns exec h2 python3 "$work/listen.py" "$work/listens" &
listener=$!
wait_for test -e "$work/listens"
ip netns exec h1 python3 "$work/talk.py" "$work/talked" &
talker=$!
wait_for test -e "$work/talked"
check 'hosts talk' reach 1 10.0.0.2

# same NAME COMMAND...: both print the same. The order of connections is chance, and seconds run on.
# The peer misreads byte order in the tags of SCTP.
same() {
  local name=$1
  shift
  dpctl "$@" >"$work/ours" 2>&1
  ovs-dpctl "$@" >"$work/theirs" 2>&1
  case $1 in dump-conntrack)
    for one in ours theirs; do
      sed -i -E 's/(timeout|vtag_orig|vtag_reply)=[0-9]+/\1=N/g; s/start=[^,]*\.[0-9]+/start=T/' "$work/$one"
      sort -o "$work/$one" "$work/$one"
    done
    check "$name: there is something to compare" test "$(wc -l <"$work/ours")" -ge "${at_least:-8}"
    ;;
  esac
  check "$name: as the peer's" diff "$work/theirs" "$work/ours"
}
for options in '' '-m' '-s' '-m -s'; do
  # shellcheck disable=SC2086
  same "dump-conntrack $options" dump-conntrack $options
done
[[ $zone == 0 ]] || same "dump-conntrack of a zone" dump-conntrack zone=$zone
at_least=0 same "dump-conntrack of a zone without connections" dump-conntrack zone=77

# The peer sums up what it does not know as Other.
counts() { "$@" | grep -E '^    Total|^  (TCP|UDP|UDPLITE|SCTP|ICMP|IGMP):|\]=' | grep -v 'Conn per'; }
counts dpctl ct-stats-show -m >"$work/ours"
# States of SCTP are ours alone.
python3 - "$work/ours" <<'END'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(re.sub(r"(  SCTP: \d+\n)(\t.*\n)+", r"\1", text))
END
counts ovs-dpctl ct-stats-show -m >"$work/theirs"
check 'ct-stats-show: as the peer counts' diff "$work/theirs" "$work/ours"

check 'limits are set' dpctl ct-set-limits dp0 default=100 zone=7,limit=0 zone=5,limit=8 zone=300,limit=3
sorted() { ovs-dpctl ct-get-limits dp0 | sort -t, -k1.6n; }
for zones in zone=5 zone=300,5,9; do
  same "ct-get-limits $zones" ct-get-limits dp0 $zones
done
dpctl ct-get-limits dp0 | sort -t, -k1.6n >"$work/ours"
check 'ct-get-limits: as the peer prints' diff <(sorted) "$work/ours"
check 'the peer sets limits' ovs-dpctl ct-set-limits dp0 default=7 zone=8,limit=2
check 'its limits are read' test "$(dpctl ct-get-limits dp0 zone=8)" == $'default limit=7\nzone=8,limit=2,count=0'
check 'limits are deleted' dpctl ct-del-limits dp0 default zone=5,7,8,300
check 'the peer sees none' test "$(ovs-dpctl ct-get-limits dp0)" == 'default limit=0'

tuple=ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=1053,ct_tp_dst=53
[[ $zone == 0 ]] || tuple="zone=$zone $tuple"
# shellcheck disable=SC2086
check 'flush-conntrack takes the tuple that the peer takes' dpctl flush-conntrack $tuple
check 'it has gone for the peer' test "$(ovs-dpctl dump-conntrack | grep -c '^udp,')" == 0
kill $listener $talker
dpctl flush-conntrack
check 'all have gone for the peer' test -z "$(ovs-dpctl dump-conntrack)"
dpctl del-dp dp0
finish
