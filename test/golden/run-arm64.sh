#!/bin/sh
# Starts web. Arguments are passed on to qemu.
#   SSH_PORT=2222   host port that reaches the machine's ssh (default 2222; none switches it off)
set -eu
cd "$(dirname "$0")"
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ "$(uname -m)" = aarch64 ]; then accel=kvm cpu=host; else accel=tcg,thread=multi cpu=max; fi
port=${SSH_PORT:-2222}
net=user,id=net0
[ "$port" = none ] || net=$net,hostfwd=tcp:127.0.0.1:$port-:22
set -- -netdev "$net" -device virtio-net-pci,netdev=net0 "$@"
exec qemu-system-aarch64 -name "web" -machine virt -accel "$accel" -cpu "$cpu" -m 2048 -smp 2 \
  -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd \
  -drive if=virtio,format=qcow2,file="web.qcow2" \
  -drive if=virtio,format=qcow2,file="web-2.qcow2" \
  -device virtio-rng-pci -nographic "$@"
