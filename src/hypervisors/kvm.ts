/**
 * QEMU, with KVM where there is KVM and software emulation elsewhere: a start script beside the disk.
 * Example: `vmbuilder build --hypervisor kvm`, then `./vm-trixie-amd64-vm/run.sh -display gtk`
 */
import type { Hypervisor, MachineDescription, MachineDisk } from "../core/hypervisor.ts";
import { ARCHITECTURES, type Architecture, PROCESSOR_NAMES } from "../model/architecture.ts";
import { type NetworkLines, networkLines } from "./qemu-network.ts";

export const kvm: Hypervisor = {
  name: "kvm",
  title: "QEMU/KVM",
  format: "qcow2",
  readsRaw: true,
  architectures: ARCHITECTURES,
  describe: (machine) => [{ name: "run.sh", content: startScript(machine), mode: 0o755 }],
};

function startScript(machine: MachineDescription): string {
  return SCRIPTS[machine.architecture](machine, networkLines(machine.network));
}

const BIOS_USAGE = "#   UEFI=1          boot by UEFI instead of BIOS";
const UEFI_USAGE = "#   UEFI=           (set and empty) boot by BIOS instead of UEFI";
const ACCELERATOR_USAGE = "#   ACCEL=tcg       software emulation though there is KVM; ACCEL=kvm: KVM or nothing";

/** "max" of arm64 signs pointers with a cipher that emulation takes most of its time for; riscv64 has one since QEMU 8.2. */
const EMULATED: Record<Architecture, string> = { amd64: "max", arm64: "cortex-a72", riscv64: "rv64" };

/**
 * KVM where it runs guests of this architecture on the processor itself. A processor without vmx or svm has none, whatever
 * /dev/kvm promises: some clouds' machines have one that interprets firmware and boot loader, for minutes.
 */
function accelerator(architecture: Architecture): string {
  const emulated = EMULATED[architecture];
  const name = PROCESSOR_NAMES[architecture];
  const hardware = architecture === "amd64" ? "grep -qwE 'vmx|svm' /proc/cpuinfo" : `[ "$(uname -m)" = ${name} ]`;
  return `if [ "\${ACCEL:-}" = kvm ] || { [ -z "\${ACCEL:-}" ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] && ${hardware}; }; then
  accel=kvm cpu=host
else
  accel=tcg,thread=multi cpu=${emulated}
  [ "\${ACCEL:-}" ] || echo "run.sh: no usable KVM: software emulation, several times slower" >&2
fi`;
}

/** Paths and host name are checked before they come here, so that they need no quoting beyond the double quotes. */
function pcScript({ recipe, firmware, hostname, disks }: MachineDescription, network: NetworkLines): string {
  return `#!/bin/sh
# Starts ${hostname}. Arguments are passed on to qemu, for example: ./run.sh -display gtk
${network.remarks.map((line) => `${line}\n`).join("")}${firmware === "uefi" ? UEFI_USAGE : BIOS_USAGE}
${ACCELERATOR_USAGE}
set -eu
cd "$(dirname "$0")"
${accelerator("amd64")}
${network.commands.join("\n")}
if [ "\${UEFI${firmware === "uefi" ? "-1" : ":-"}}" ]; then
  for code in /usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_CODE.fd; do [ ! -r "$code" ] || break; done
  [ -r "$code" ] || { echo "run.sh: no UEFI firmware: install the package ovmf" >&2; exit 1; }
  [ -e uefi-vars.fd ] || cp "$(echo "$code" | sed s/CODE/VARS/)" uefi-vars.fd
  set -- -drive "if=pflash,format=raw,readonly=on,file=$code" -drive if=pflash,format=raw,file=uefi-vars.fd "$@"
fi
exec qemu-system-x86_64 -name "${hostname}" -machine q35 -accel "$accel" -cpu "$cpu" -m ${recipe.mem} -smp ${recipe.cpus} \\
${driveLines(disks)}
  -device virtio-rng-pci -nographic "$@"
`;
}

function armScript({ recipe, hostname, disks }: MachineDescription, network: NetworkLines): string {
  return `#!/bin/sh
# Starts ${hostname}. Arguments are passed on to qemu.
${network.remarks.map((line) => `${line}\n`).join("")}${ACCELERATOR_USAGE}
set -eu
cd "$(dirname "$0")"
${accelerator("arm64")}
${network.commands.join("\n")}
for code in /usr/share/qemu-efi-aarch64/QEMU_EFI.fd /usr/share/edk2/aarch64/QEMU_EFI.fd; do [ ! -r "$code" ] || break; done
[ -r "$code" ] || { echo "run.sh: no UEFI firmware: install the package qemu-efi-aarch64" >&2; exit 1; }
exec qemu-system-aarch64 -name "${hostname}" -machine virt,gic-version=max -accel "$accel" -cpu "$cpu" -m ${recipe.mem} -smp ${recipe.cpus} \\
  -bios "$code" \\
${driveLines(disks)}
  -device virtio-rng-pci -nographic "$@"
`;
}

/** By U-Boot, whose UEFI starts what lies at the removable medium's path; before it comes the OpenSBI that QEMU brings. */
function riscvScript({ recipe, hostname, disks }: MachineDescription, network: NetworkLines): string {
  return `#!/bin/sh
# Starts ${hostname}. Arguments are passed on to qemu.
${network.remarks.map((line) => `${line}\n`).join("")}${ACCELERATOR_USAGE}
set -eu
cd "$(dirname "$0")"
${accelerator("riscv64")}
${network.commands.join("\n")}
code=/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf
[ -r "$code" ] || { echo "run.sh: no UEFI firmware: install the package u-boot-qemu" >&2; exit 1; }
exec qemu-system-riscv64 -name "${hostname}" -machine virt -accel "$accel" -cpu "$cpu" -m ${recipe.mem} -smp ${recipe.cpus} \\
  -kernel "$code" \\
${driveLines(disks)}
  -device virtio-rng-pci -nographic "$@"
`;
}

const SCRIPTS = { amd64: pcScript, arm64: armScript, riscv64: riscvScript } as const satisfies Record<
  Architecture,
  unknown
>;

function driveLines(disks: readonly MachineDisk[]): string {
  return disks
    .map(
      ({ name, isElsewhere }) => `  -drive if=virtio,format=${isElsewhere ? "raw" : "qcow2"},file="${quoted(name)}" \\`,
    )
    .join("\n");
}

/** As qemu reads it from between double quotes of a shell. */
function quoted(path: string): string {
  return path.replaceAll(",", ",,").replace(/[\\"$`]/g, "\\$&");
}
