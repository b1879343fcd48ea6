#!/usr/bin/env bash
# Makes a Linux that boots in three seconds: Debian's cloud kernel and an initramfs of busybox alone, into DIRECTORY/vmlinuz
# and DIRECTORY/initrd.gz. Nothing is installed. The guest writes random blocks to /dev/vda and says so on its serial port.
set -euo pipefail
directory=$(realpath -m "${1:?usage: make.sh DIRECTORY}")
if [ -s "$directory/vmlinuz" ] && [ -s "$directory/initrd.gz" ]; then exit 0; fi
for tool in busybox cpio dpkg-deb; do
    command -v $tool >/dev/null || { echo "make.sh: '$tool' is missing (Debian packages busybox-static and cpio)." >&2; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The meta package names the newest kernel.
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "make.sh: apt knows no linux-image-cloud-amd64; run 'apt-get update' first." >&2; exit 1; }
(cd "$scratch" && apt-get download "$kernel" >/dev/null 2>&1) || { echo "make.sh: apt-get download $kernel failed." >&2; exit 1; }
dpkg-deb -x "$scratch"/linux-image-*.deb "$scratch/kernel"

mkdir -p "$scratch/root"/{bin,dev,proc,modules}
cp "$(command -v busybox)" "$scratch/root/bin/busybox"
# virtio calls into virtio_ring, so the order counts; what is built into the kernel has no file.
number=0
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
    file=$(find "$scratch/kernel" -name "$module.ko*" | head -n 1)
    [ -n "$file" ] || continue
    number=$((number + 1))
    case $file in
        *.xz) xz -dc "$file" ;;
        *) cat "$file" ;;
    esac >"$scratch/root/modules/$number-$module.ko"
done
cat >"$scratch/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mount -t proc none /proc
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
echo "the guest is up"
block=0
while :; do
    for disk in vda vdb; do
        /bin/busybox dd if=/dev/urandom of=/dev/$disk bs=64k count=1 seek=$((block * 7 % 512)) conv=notrunc,fsync 2>/dev/null
    done
    block=$((block + 1))
    echo "the guest wrote block $block"
    /bin/busybox sleep 0.1
done
INIT
chmod +x "$scratch/root/init"
mkdir -p "$directory"
(cd "$scratch/root" && find . | cpio --quiet -o -H newc | gzip) >"$directory/initrd.gz"
cp "$scratch"/kernel/boot/vmlinuz-* "$directory/vmlinuz"
