#!/bin/sh
# Starts web. Arguments are passed on to qemu, for example: ./run.sh -display gtk
#   SSH_PORT=2222   host port that reaches the machine's ssh (default 2222; none switches it off)
#   UEFI=1          boot by UEFI instead of BIOS
set -eu
cd "$(dirname "$0")"
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
  accel=kvm cpu=host
else
  accel=tcg,thread=multi cpu=max
  echo "run.sh: no access to /dev/kvm: software emulation, several times slower" >&2
fi
port=${SSH_PORT:-2222}
net=user,id=net0
[ "$port" = none ] || net=$net,hostfwd=tcp:127.0.0.1:$port-:22
set -- -netdev "$net" -device virtio-net-pci,netdev=net0 "$@"
if [ "${UEFI:-}" ]; then
  for code in /usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_CODE.fd; do [ ! -r "$code" ] || break; done
  [ -r "$code" ] || { echo "run.sh: no UEFI firmware: install the package ovmf" >&2; exit 1; }
  [ -e uefi-vars.fd ] || cp "$(echo "$code" | sed s/CODE/VARS/)" uefi-vars.fd
  set -- -drive "if=pflash,format=raw,readonly=on,file=$code" -drive if=pflash,format=raw,file=uefi-vars.fd "$@"
fi
exec qemu-system-x86_64 -name "web" -machine q35 -accel "$accel" -cpu "$cpu" -m 2048 -smp 2 \
  -drive if=virtio,format=qcow2,file="web.qcow2" \
  -drive if=virtio,format=qcow2,file="web-2.qcow2" \
  -device virtio-rng-pci -nographic "$@"
