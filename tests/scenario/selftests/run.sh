#!/bin/bash
# One case of the Linux source's openvswitch selftests, with dpctl in place of their ovs-dpctl.py:
#   tools/vm run -- tests/scenario/selftests/run.sh CASE
#   tests/scenario/selftests/run.sh --list
# KERNEL_SELFTESTS names a folder with openvswitch.sh; else that of `tools/setup selftests` is taken.
set -uo pipefail

from=${KERNEL_SELFTESTS-${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sluice}/selftests}
case=${1-}
if [[ ! -r $from/openvswitch.sh ]]; then
  echo "skip selftests: $from has no openvswitch.sh (tools/setup selftests)"
  exit 0
fi
cases() {
  sed -n '/^tests="/,/"$/p' "$from/openvswitch.sh" |
    awk '$1 ~ /^[a-z]/ && NF > 1 && $1 !~ /^tests=/ { print $1 }'
}
if [[ $case == --list ]]; then
  cases
  exit
fi
[[ ${SLUICE_GUEST-} == 1 ]] || { echo "run me as: tools/vm run -- $0 CASE" >&2; exit 2; }
cases | grep -qx -- "$case" || { echo "no case '$case': see $0 --list" >&2; exit 2; }

launcher=$(command -v ovs-dpctl.py) || { echo "FAIL selftests $case: no ovs-dpctl.py on PATH"; exit 1; }
work=$(mktemp -d)
cp "$from/openvswitch.sh" "$work/"
ln -s "$launcher" "$work/ovs-dpctl.py"
cd "$work" || exit 1
# perf wants to write beside its tools' settings.
export HOME=$work
# Netcats differ. Connections that must fail are given up after 5 s, instead of after the kernel's two
# minutes; and a probe by UDP is one datagram, which the script counts.
mkdir bin
cat >bin/nc <<END
#!/bin/bash
case " \$* " in
  *" -zuv "*) printf X >"/dev/udp/\${*: -2:1}/\${*: -1}"; exit ;;
  *" -zv "*) set -- -w 5 "\$@" ;;
esac
exec $(command -v nc) "\$@"
END
chmod +x bin/nc
export PATH=$work/bin:$PATH

bash ./openvswitch.sh -v "$case" >log 2>&1
status=$?
case $status in
  0) echo "ok selftests $case" ;;
  4)
    why=$(grep -vE '^(TEST:|BTF:|$)' log | tail -n 1)
    echo "skip selftests $case: the script says: ${why:-nothing}"
    ;;
  *)
    echo "FAIL selftests $case: ended with $status"
    grep -v '^BTF:' log | tail -n 60 | sed 's/^/   /'
    exit 1
    ;;
esac
