#!/usr/bin/env bash
# Makes a Linux that boots in three seconds: Debian's cloud kernel and an initramfs of busybox alone, into DIRECTORY/vmlinuz
# and DIRECTORY/initrd.gz. Nothing is installed. The guest writes random blocks to /dev/vda and says so on its serial port; with
# "agent" as a second word it writes to the ext4 file system on /dev/vda instead, and runs QEMU's guest agent.
set -euo pipefail
directory=$(realpath -m "${1:?usage: make.sh DIRECTORY [agent]}")
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
if [ "${2:-}" = agent ]; then
    (cd "$scratch" && apt-get download qemu-guest-agent >/dev/null 2>&1) || { echo "make.sh: apt-get download qemu-guest-agent failed." >&2; exit 1; }
    dpkg-deb -x "$scratch"/qemu-guest-agent_*.deb "$scratch/agent"
    cp "$scratch/agent/usr/sbin/qemu-ga" "$scratch/root/bin/"
    libraries=$(ldd "$scratch/agent/usr/sbin/qemu-ga")
    case $libraries in *"not found"*) echo "make.sh: libraries of qemu-ga are missing on this host: $libraries" >&2; exit 1 ;; esac
    for library in $(grep -o '/lib[^ ]*' <<<"$libraries"); do
        mkdir -p "$scratch/root$(dirname "$library")"
        cp "$library" "$scratch/root$library"
    done
    for module in virtio_console crc16 mbcache jbd2 ext4; do
        file=$(find "$scratch/kernel" -name "$module.ko*" | head -n 1)
        [ -n "$file" ] || continue
        number=$((number + 1))
        case $file in
            *.xz) xz -dc "$file" ;;
            *) cat "$file" ;;
        esac >"$scratch/root/modules/$(printf 'x%02d' "$number")-$module.ko"
    done
    mkdir -p "$scratch/root"/{sys,mnt,run,var/run}
    cat >"$scratch/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
while [ ! -e /dev/vda ] || ! /bin/busybox ls /dev/vport* >/dev/null 2>&1; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /mnt
/bin/qemu-ga -m virtio-serial -p "$(/bin/busybox ls /dev/vport* | /bin/busybox head -n 1)" -t /run -l /run/log &
/bin/busybox sleep 1
echo "the guest is up"
block=0
while :; do
    block=$((block + 1))
    echo $block >/mnt/file
    /bin/busybox sync
    echo "the guest wrote block $block"
    /bin/busybox sleep 0.1
done
INIT
else
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
fi
chmod +x "$scratch/root/init"
mkdir -p "$directory"
(cd "$scratch/root" && find . | cpio --quiet -o -H newc | gzip) >"$directory/initrd.gz"
cp "$scratch"/kernel/boot/vmlinuz-* "$directory/vmlinuz"
