# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # sourced: variables come from and go to others
# Debian's own kernels in QEMU. Sourced after guest.sh.

# What the initramfs loads before the host's root is there; all else comes from the cache over 9p.
readonly INITRD_MODULES=(virtio_pci virtio_console 9pnet_virtio 9p overlay)

# make_initrd DIR: busybox, the modules above and a script that mounts the host's root and goes there.
make_initrd() {
  local dir=$1 release tree module file
  need busybox busybox-static qemu
  need cpio cpio qemu
  release=$(<"$dir/release")
  tree=$dir/.initrd
  mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  {
    printf '#!/bin/busybox sh\nset -e\n'
    for module in "${INITRD_MODULES[@]}"; do
      modprobe -C /dev/null -d "$dir" -S "$release" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
      unpack_module "$file" "$tree/modules"
      module=${file##*/}
      printf '/bin/busybox insmod /modules/%s\n' "${module%.ko*}.ko"
    done
    cat <<'END'
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /root
# Not through a cache: the host lays standard input down here while the guest runs.
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=none boot /root/boot
/bin/busybox mount -t devtmpfs devtmpfs /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /boot/init
END
  } >"$tree/init"
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$dir/initrd.cpio.gz"
  rm -rf "$tree"
}

# unpack_module FILE DIR: busybox loads no compressed modules.
unpack_module() {
  local name=${1##*/}
  case $1 in
    *.xz) xz -dc "$1" >"$2/${name%.xz}" ;;
    *.zst) zstd -qdc "$1" >"$2/${name%.zst}" ;;
    *) cp "$1" "$2/$name" ;;
  esac
}

# KVM hangs on some virtual machines that seem to have it. Tried once per kernel release of the host and
# remembered: does a guest with nothing but a kernel panic for want of a root within a few seconds?
qemu_accelerator() {
  local memory answer=tcg,thread=multi
  memory=$KERNEL_CACHE/.accelerator-$(uname -r)
  if [[ ! -f $memory ]]; then
    kvm_works && answer=kvm
    printf '%s\n' "$answer" >"$memory.$$"
    mv "$memory.$$" "$memory"
  fi
  cat "$memory"
}

kvm_works() {
  [[ -r /dev/kvm && -w /dev/kvm ]] || return 1
  timeout --kill-after=1 15 qemu-system-x86_64 -accel kvm -cpu max -m 256M -display none -nodefaults \
    -no-reboot -serial stdio -kernel "$(kernel_dir "$vm_kernel")/vmlinuz" \
    -append 'console=ttyS0 panic=-1' </dev/null 2>/dev/null | grep -q 'Kernel panic'
}

# export_folder TAG FOLDER [ro]: arguments that show a host folder to the guest over 9p.
export_folder() {
  command+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap${3:+,readonly=on}"
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# port NAME FD: a virtio channel of that name that writes to the file descriptor. (Without "append" QEMU
# would truncate, which a pipe refuses.)
port() {
  command+=(-add-fd "fd=$2,set=$2" -chardev "file,id=$1,path=/dev/fdset/$2,append=on"
    -device "virtserialport,chardev=$1,name=$1")
}

# Sets the array command.
qemu_command() {
  local dir number=0 folder
  need qemu-system-x86_64 qemu-system-x86 qemu
  dir=$(kernel_dir "$vm_kernel")
  command=(qemu-system-x86_64 -accel "$(qemu_accelerator)" -cpu max -smp "$vm_cpus" -m "$vm_memory"
    -display none -nodefaults -no-user-config -no-reboot -kernel "$dir/vmlinuz" -initrd "$dir/initrd.cpio.gz"
    -append "console=ttyS0 panic=-1 quiet loglevel=5" -add-fd "fd=$console_write,set=$console_write"
    -chardev "file,id=console,path=/dev/fdset/$console_write,append=on" -serial chardev:console
    -device virtio-rng-pci -device virtio-serial-pci)
  export_folder host / ro
  export_folder boot /boot ro
  for folder in "${vm_scratch[@]}"; do
    export_folder "scratch$number" "$folder"
    ((number += 1))
  done
  port out "$out_write"
  port err "$err_write"
  port control "$control_write"
  if ((vm_tty)); then
    command+=(-add-fd "fd=$in_read,set=$in_read" -chardev
      "file,id=tty,path=/dev/fdset/$out_write,append=on,input-path=/dev/fdset/$in_read" -serial chardev:tty)
  fi
}
