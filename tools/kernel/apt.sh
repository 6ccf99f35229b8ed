# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # sourced: variables come from and go to others
# Debian packages of any suite, without a change to this machine's own apt.
#
# Each suite gets a private apt state (sources, lists, cache) below the cache folder. It uses the mirror
# that the machine's apt uses, and so whatever proxy or authentication the machine has set up; signatures
# are verified with Debian's keyrings in /usr/share/keyrings. Sourced after common.sh.

APT_STATE=$CACHE/apt

# The first mirror of this machine's apt whose URI ends in /PATH: "debian" or "debian-security". Without one
# for security, the place beside the main one is tried.
apt_mirror() {
  local path=$1 uri main=''
  while read -r uri; do
    uri=${uri%/}
    if [[ $uri == */"$path" ]]; then
      printf '%s\n' "$uri"
      return
    fi
    [[ $uri == */debian ]] && main=$uri
  done < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null
           apt_source_uris)
  [[ -n $main ]] && printf '%s\n' "${main%/debian}/$path"
}

# URIs in the sources files of both formats, for apt that has no lists yet.
apt_source_uris() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p'
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^URIs: *//p' | tr -s ' ' '\n'
}

# All of Debian's keys: suites are signed by several, and a machine has the older ones.
apt_keyrings() {
  local keys=() key
  for key in /usr/share/keyrings/debian-archive-*.gpg; do
    [[ -r $key && $key != *removed* ]] && keys+=("$key")
  done
  ((${#keys[@]})) || return 1
  local IFS=,
  printf '%s' "${keys[*]}"
}

# suite_apt SUITE PROGRAM ARG…: apt-get or apt-cache with the state of SUITE.
suite_apt() {
  local state=$APT_STATE/$1 program=$2
  shift 2
  "$program" \
    -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" -o APT::Architecture=amd64 -o Acquire::Languages=none \
    -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User="$(id -un)" \
    "$@"
}

# suite_update SUITE: makes the state and reads the suite's index.
suite_update() {
  local suite=$1 state=$APT_STATE/$1 path=debian keys mirror log
  [[ $suite == *-security ]] && path=debian-security
  keys=$(apt_keyrings) || { say "no Debian keyring: install debian-archive-keyring"; return 1; }
  mirror=$(apt_mirror "$path") || { say "this machine's apt names no Debian mirror"; return 1; }
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  : >"$state/status"
  printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$keys" "$mirror" "$suite" \
    >"$state/sources.list"
  # An index that cannot be had is only a warning to apt-get update; here it is the end of this suite.
  log=$(suite_apt "$suite" apt-get -q update 2>&1)
  if grep -qE '^(E|Err|W: (GPG|Failed))' <<<"$log"; then
    say "cannot read Debian's '$suite': $(grep -E '^(E|W):' <<<"$log" | head -n 1)"
    return 1
  fi
}

# suite_forget SUITE: the lists are large and only of use while fetching.
suite_forget() { rm -rf "${APT_STATE:?}/$1"; }

# suite_field SUITE PACKAGE FIELD: one field of the newest version; empty if there is no such package.
suite_field() {
  suite_apt "$1" apt-cache show --no-all-versions "$2" 2>/dev/null | sed -n "s/^$3: //p" | head -n 1
}

# suite_unpack SUITE DIR PACKAGE…: downloads (hashes verified by apt) and unpacks into DIR.
suite_unpack() {
  local suite=$1 dir=$2 deb
  shift 2
  local debs=$dir/.debs
  mkdir -p "$debs"
  (cd "$debs" && suite_apt "$suite" apt-get -q download "$@" >"$debs/log" 2>&1) || {
    say "cannot fetch $* from Debian's '$suite': $(tail -n 1 "$debs/log")"
    return 1
  }
  for deb in "$debs"/*.deb; do
    dpkg-deb -x "$deb" "$dir"
  done
  rm -rf "$debs"
}
