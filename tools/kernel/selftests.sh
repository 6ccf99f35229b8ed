# shellcheck shell=bash # sourced: variables come from and go to others
# The kernel's own openvswitch selftests, out of Debian's package of the kernel's source, in the cache.
#
# They are the kernel's (GPL-2.0), and no part of this project: fetched when a test wants them, run
# unchanged but for their ovs-dpctl.py, in whose place ours is put. Sourced after common.sh and apt.sh.

SELFTESTS=$CACHE/selftests
readonly SELFTESTS_SUITES='sid forky'
readonly SELFTESTS_FOLDER=tools/testing/selftests/net/openvswitch

# The scripts are there, or fetched now. The package takes 160 MB on its way, the scripts 200 KB.
ensure_selftests() {
  local lock suite new=$CACHE/.new-selftests
  [[ -f $SELFTESTS/source ]] && return
  mkdir -p "$CACHE"
  exec {lock}>"$CACHE/.selftests.lock"
  flock "$lock"
  if [[ ! -f $SELFTESTS/source ]]; then
    for suite in $SELFTESTS_SUITES; do
      say "fetching the kernel's selftests (linux-source) from Debian's '$suite'"
      rm -rf "$new"
      mkdir -p "$new"
      if suite_update "$suite" && unpack_selftests "$suite" "$new"; then
        suite_forget "$suite"
        rm -rf "$SELFTESTS"
        mv "$new" "$SELFTESTS"
        break
      fi
      suite_forget "$suite"
    done
    rm -rf "$new"
  fi
  exec {lock}>&-
  [[ -f $SELFTESTS/source ]] || die "$EXIT_USAGE" "the selftests cannot be had: see the lines above"
}

# unpack_selftests SUITE DIR: the tarball lies in the package, and the scripts in the tarball.
unpack_selftests() {
  local suite=$1 dir=$2 package version
  package=$(suite_field "$suite" linux-source Depends | grep -oE '^linux-source-[0-9.]+') || return 1
  version=$(suite_field "$suite" "$package" Version)
  (cd "$dir" && suite_apt "$suite" apt-get -q download "$package" >log 2>&1) || return 1
  dpkg-deb --fsys-tarfile "$dir/$package"_*.deb | tar -xO --wildcards "*/$package.tar.xz" |
    xz -dc | tar -x -C "$dir" --strip-components=6 --wildcards "*/$SELFTESTS_FOLDER/*"
  rm -f "$dir/$package"_*.deb "$dir/log"
  [[ -s $dir/openvswitch.sh ]] || return 1
  printf '%s %s (%s)\n' "$package" "$version" "$suite" >"$dir/source"
}
