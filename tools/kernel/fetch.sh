# shellcheck shell=bash disable=SC2016,SC2034,SC2115,SC2154 # sourced: variables come from and go to others
# Fetches kernels into the cache: one folder a kernel, complete or not there at all.
#
#   $KERNEL_CACHE/NAME/release        the kernel's release, as uname -r prints it
#   $KERNEL_CACHE/NAME/source         the Debian package it came from
#   $KERNEL_CACHE/NAME/lib/modules/   its modules, with depmod's indexes
#   $KERNEL_CACHE/NAME/linux.uml      the kernel: a program (uml) …
#   $KERNEL_CACHE/NAME/vmlinuz        … or an image for QEMU, with initrd.cpio.gz beside it
#
# Sourced after common.sh and apt.sh.

# Name, then the suites to try in order. The first that has the package is taken.
readonly KERNEL_SUITES='
uml   sid forky
5.10  bullseye-security bullseye
6.1   bookworm-security bookworm
6.12  trixie trixie-security bookworm-backports
7.2   forky sid
'

kernel_names() { awk 'NF { print $1 }' <<<"$KERNEL_SUITES"; }
kernel_suites() { awk -v name="$1" '$1 == name { $1 = ""; print }' <<<"$KERNEL_SUITES"; }
kernel_known() { [[ -n $1 && -n $(kernel_suites "$1") ]]; }
kernel_dir() { printf '%s/%s' "$KERNEL_CACHE" "$1"; }
kernel_fetched() { [[ -f $(kernel_dir "$1")/release ]]; }
kernel_release() { cat "$(kernel_dir "$1")/release"; }

# ensure_kernel NAME: fetched already, or fetch it. Concurrent callers wait for the first.
ensure_kernel() {
  local name=$1 lock
  kernel_known "$name" ||
    die "$EXIT_USAGE" "no kernel '$name': there are $(kernel_names | paste -sd ' ')"
  kernel_fetched "$name" && return
  need dpkg-deb dpkg vm
  need depmod kmod vm
  mkdir -p "$KERNEL_CACHE"
  exec {lock}>"$KERNEL_CACHE/.fetch.lock"
  flock "$lock"
  kernel_fetched "$name" || fetch_kernel "$name" ||
    die "$EXIT_USAGE" "kernel $name cannot be had: see the line above"
  exec {lock}>&-
}

fetch_kernel() {
  local name=$1 suite dir=$KERNEL_CACHE/.new-$1
  for suite in $(kernel_suites "$name"); do
    say "fetching kernel $name from Debian's '$suite'"
    rm -rf "$dir"
    mkdir -p "$dir"
    if suite_update "$suite" && unpack_kernel "$name" "$suite" "$dir" && kernel_complete "$dir"; then
      suite_forget "$suite"
      rm -rf "$(kernel_dir "$name")"
      mv "$dir" "$(kernel_dir "$name")"
      return 0
    fi
    suite_forget "$suite"
  done
  rm -rf "$dir"
  return 1
}

# Errors in the midst of unpacking do not stop a shell function that is called in a condition, so look at
# what came of it.
kernel_complete() {
  local dir=$1
  if [[ -x $dir/linux.uml || -s $dir/vmlinuz && -s $dir/initrd.cpio.gz ]] &&
    [[ -s $dir/release && -n $(find "$dir/lib/modules" -name 'openvswitch.ko*') ]]; then
    return 0
  fi
  say "the packages did not have what was expected of them"
  return 1
}

unpack_kernel() {
  if [[ $1 == uml ]]; then
    unpack_uml "$2" "$3"
  else
    unpack_image "$1" "$2" "$3"
  fi
}

# The kernel as a program. It wants a newer glibc than Debian 12 has, and executes itself again, so its
# interpreter and library path are set in the file to the same suite's libc6, in the final folder.
unpack_uml() {
  local suite=$1 dir=$2 final libs release
  need patchelf patchelf vm
  suite_unpack "$suite" "$dir" user-mode-linux libc6 || return 1
  final=$(kernel_dir uml)
  mv "$dir/usr/bin/linux.uml" "$dir/linux.uml"
  mkdir -p "$dir/lib"
  mv "$dir/usr/lib/uml/modules" "$dir/lib/modules"
  mv "$dir/usr/lib/x86_64-linux-gnu" "$dir/libc"
  rm -rf "${dir:?}/usr" "$dir/etc"
  libs=$final/libc
  patchelf --set-interpreter "$libs/ld-linux-x86-64.so.2" --set-rpath "$libs" "$dir/linux.uml"
  release=$(cd "$dir/lib/modules" && echo *)
  finish_kernel "$dir" "$release" "user-mode-linux $(suite_field "$suite" user-mode-linux Version) ($suite)"
}

# A distribution's kernel. The meta package names the newest image; from 7.x on that one is split, and
# kernel and modules are packages that it depends on.
unpack_image() {
  local name=$1 suite=$2 dir=$3 image packages release version
  version=$(suite_field "$suite" linux-image-amd64 Version)
  if [[ $version != "$name".* ]]; then
    say "Debian's '$suite' has linux-image-amd64 '${version:-none}', not $name"
    return 1
  fi
  image=$(suite_field "$suite" linux-image-amd64 Depends | grep -oE 'linux-image-[0-9][^ ,]*')
  packages=$(suite_field "$suite" "$image" Depends | grep -oE 'linux-(base|binary|modules)-[0-9][^ ,]*')
  # shellcheck disable=SC2086 # package names, one word each
  suite_unpack "$suite" "$dir" "$image" $packages || return 1
  mkdir -p "$dir/lib"
  [[ -d $dir/usr/lib/modules ]] && mv "$dir/usr/lib/modules" "$dir/lib/modules"
  release=$(cd "$dir/lib/modules" && echo *)
  if [[ -f $dir/boot/vmlinuz-$release ]]; then
    mv "$dir/boot/vmlinuz-$release" "$dir/vmlinuz"
  else
    mv "$dir/lib/modules/$release/vmlinuz" "$dir/vmlinuz"
  fi
  rm -rf "${dir:?}/usr" "$dir/etc" "$dir/boot"
  drop_unused_modules "$dir/lib/modules/$release/kernel"
  finish_kernel "$dir" "$release" "$image $version ($suite)"
  make_initrd "$dir"
}

# A distribution's modules take 400 MB, most of it drivers for hardware that no guest of ours has.
drop_unused_modules() {
  rm -rf "$1"/sound "$1"/drivers/{gpu,media,usb,hid,iio,staging,scsi,infiniband,bluetooth,mmc,mtd} \
    "$1"/drivers/net/{wireless,usb,can} "$1"/fs/{ocfs2,xfs,btrfs,ceph,gfs2,nfs,nfsd,smb,cifs}
}

# finish_kernel DIR RELEASE SOURCE
finish_kernel() {
  local dir=$1 release=$2
  depmod -b "$dir" "$release"
  printf '%s\n' "$3" >"$dir/source"
  printf '%s\n' "$release" >"$dir/release"
}
