import { type Architecture, PROCESSOR_NAMES } from "../model/architecture.ts";
import type { Accelerator } from "./accelerator.ts";
import { MACHINE_FILES, type MachineSpec } from "./machine.ts";

/** How a machine is started this time. */
export interface QemuStart {
  readonly accelerator: Accelerator;
  /** UEFI's code and the machine's own variables, where it starts by UEFI. */
  readonly firmware?: { readonly code: string; readonly variables: string } | undefined;
  /** File that is the machine's memory; it is read, and what the machine writes stays its own. */
  readonly memoryFile?: { readonly path: string; readonly isShared: boolean } | undefined;
  /** Wait for a memory snapshot instead of booting. */
  readonly isIncoming?: boolean | undefined;
  /** Name of a snapshot with memory in the machine's disks. */
  readonly loadSnapshot?: string | undefined;
}

/** Port of the machine by which a shell inside takes its new identity after a restore. */
export const RENEWAL_PORT = "vmbuilder.renewal";

/** qemu's names of machines, and of the processor that emulation is for. "max" of riscv64 came with QEMU 8.2. */
const MACHINE_TYPES: Record<Architecture, { readonly type: string; readonly emulated: string }> = {
  amd64: { type: "q35", emulated: "max" },
  arm64: { type: "virt", emulated: "max" },
  riscv64: { type: "virt", emulated: "rv64" },
};

/** Prefix of the emulators' file names. */
export const QEMU_PREFIX = "qemu-system-";

/**
 * The command line of a machine's qemu. Paths are relative: it works in the machine's folder, by which it is also found again.
 * Pure.
 */
export function qemuCommand(machine: MachineSpec & { readonly name: string }, start: QemuStart): string[] {
  return [
    `${QEMU_PREFIX}${PROCESSOR_NAMES[machine.architecture]}`,
    ...["-name", machine.name],
    ...["-uuid", machine.uuid],
    ...machineType(machine, start),
    ...["-smp", String(machine.cpus)],
    ...["-display", "none", "-monitor", "none", "-vnc", `unix:${MACHINE_FILES.screen}`],
    ...handles(MACHINE_FILES.pid, MACHINE_FILES.qmp),
    "-chardev",
    `socket,id=console,path=${MACHINE_FILES.console},server=on,wait=off,logfile=${MACHINE_FILES.consoleLog},logappend=off`,
    ...["-serial", "chardev:console"],
    ...firmwareArguments(machine, start.firmware),
    ...machine.disks.flatMap((file, index) => [
      "-drive",
      `if=none,id=disk${index},format=qcow2,discard=unmap,file=${escapeCommas(file)}`,
      "-device",
      `virtio-blk-pci,drive=disk${index}${index === 0 ? ",bootindex=0" : ""}`,
    ]),
    ...machine.cards.flatMap((card, index) =>
      cardArguments(start.isIncoming ? netdevOfRestored(card) : card.netdev, card.mac, index),
    ),
    ...["-device", "virtio-rng-pci"],
    ...renewal(machine),
    ...(start.isIncoming ? ["-incoming", "defer"] : []),
    ...(start.loadSnapshot === undefined ? [] : ["-loadvm", start.loadSnapshot]),
  ];
}

/** By these a running qemu is found and spoken with. */
export function handles(pidFile: string, qmpSocket: string): string[] {
  return [
    ...["-pidfile", pidFile],
    ...[
      "-chardev",
      `socket,id=qmp,path=${escapeCommas(qmpSocket)},server=on,wait=off`,
      "-mon",
      "chardev=qmp,mode=control",
    ],
  ];
}

/** A network card and what is behind it; qemu finds it a slot, unless `slot` names one of the root bus. */
export function cardArguments(netdev: string, mac: string | undefined, index: number, slot?: number): string[] {
  const place = slot === undefined ? "" : `,bus=pcie.0,addr=0x${slot.toString(16)}`;
  const own = `${mac === undefined ? "" : `,mac=${mac}`}${index === 0 ? ",romfile=" : ""}${place}`;
  return ["-netdev", netdev, "-device", `virtio-net-pci,netdev=net${index}${own}`];
}

/**
 * The snapshot's hardware address still holds the first lease of qemu's DHCP server, whose table is restored too. A server that
 * begins one address earlier gives the machine's own, which is the second to ask, the address that it has already.
 */
function netdevOfRestored({ netdev, isUser, guest }: MachineSpec["cards"][number]): string {
  return isUser && guest === undefined ? `${netdev},dhcpstart=10.0.2.14` : netdev;
}

function machineType({ architecture, memoryMb }: MachineSpec, { accelerator, memoryFile }: QemuStart): string[] {
  const { type, emulated } = MACHINE_TYPES[architecture];
  const cpu = [
    "-accel",
    accelerator === "kvm" ? "kvm" : "tcg,thread=multi",
    "-cpu",
    accelerator === "kvm" ? "host" : emulated,
  ];
  const size = `id=memory,size=${memoryMb}M`;
  return [
    // by one name wherever it comes from, since snapshots call it so
    ...["-machine", `${type},memory-backend=memory`, ...cpu, "-m", String(memoryMb)],
    "-object",
    memoryFile === undefined
      ? `memory-backend-ram,${size}`
      : `memory-backend-file,${size},share=${memoryFile.isShared ? "on" : "off"},mem-path=${escapeCommas(memoryFile.path)}`,
  ];
}

/** UEFI's code and variables. */
export function firmwareArguments(
  { architecture }: Pick<MachineSpec, "architecture">,
  files: QemuStart["firmware"],
): string[] {
  if (files === undefined) return [];
  if (architecture === "arm64") return ["-bios", files.code];
  if (architecture === "riscv64") return ["-kernel", files.code]; // after the OpenSBI that QEMU brings
  return [
    ...["-drive", `if=pflash,format=raw,readonly=on,file=${escapeCommas(files.code)}`],
    ...["-drive", `if=pflash,format=qcow2,file=${escapeCommas(files.variables)}`],
  ];
}

/** A machine that is or was a memory snapshot has a port for its renewal, and learns by a number that it was restored. */
function renewal({ snapshot, architecture }: MachineSpec): string[] {
  if (snapshot === undefined) return [];
  return [
    ...(architecture === "amd64" ? ["-device", "vmgenid,guid=auto"] : []),
    ...[
      "-device",
      "virtio-serial-pci",
      "-chardev",
      `socket,id=renewal,path=${MACHINE_FILES.renewal},server=on,wait=off`,
    ],
    ...["-device", `virtserialport,chardev=renewal,name=${RENEWAL_PORT}`],
  ];
}

/** As qemu reads a value of an option. */
function escapeCommas(path: string): string {
  return path.replaceAll(",", ",,");
}
