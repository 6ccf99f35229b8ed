#!/bin/bash
# bash, zsh and fish complete command lines of dpctl: a terminal is typed into, and what the shell made
# of the line is looked at.
# shellcheck source=tests/scenario/lib.sh
. "${0%/*}/lib.sh"

make_hosts 2
dpctl add-dp dp0 v1,port_no=1 v2,port_no=2
dpctl add-meter dp0 meter=7,pktps,bands=type=drop,rate=1
# A dpctl that tells what it was called with, and completes as the real one.
real=$(command -v dpctl)
mkdir "$work/bin" "$work/home"
cat >"$work/bin/dpctl" <<END
#!/bin/sh
case \$1 in __complete | completion) exec "$real" "\$@" ;; esac
printf 'GOT'; printf '<%s>' "\$@"; echo
END
chmod +x "$work/bin/dpctl"
export PATH=$work/bin:$PATH HOME=$work/home
for shell in bash zsh fish; do
  command -v $shell >/dev/null || { echo "skip ${0##*/}: $shell is not here (tools/setup vm)"; continue; }
  python3 "${0%/*}/completion_terminal.py" $shell "$work" >"$work/$shell.txt" 2>&1 ||
    fail "$shell: $(tail -n1 "$work/$shell.txt")"
  sed "s/^ok /&${0##*/}: $shell: /; s/^FAIL /&${0##*/}: $shell: /" "$work/$shell.txt"
  failures=$((failures + $(grep -c ^FAIL "$work/$shell.txt")))
done
"$real" del-dp dp0
finish
