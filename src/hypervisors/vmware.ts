/**
 * VMware: a .vmx beside the disk, for Workstation, Player and Fusion, or for ESXi.
 * Example: `vmbuilder build --hypervisor vmware --hostname web`, then open web.vmx
 */
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { InterfacePlan } from "../model/network.ts";

type Entry = readonly [name: string, value: string | number | boolean];

const workstation: Hypervisor = {
  name: "vmware",
  title: "VMware Workstation, Player, Fusion",
  format: "vmdk",
  architectures: ["amd64"],
  describe: (machine) => [{ name: `${machine.hostname}.vmx`, content: settings(machine, 14, card), mode: 0o644 }],
};

/** All of VMware's, under the names of the former tool too. */
export const VMWARE: readonly Hypervisor[] = [
  workstation,
  { ...workstation, name: "vmw6" },
  { ...workstation, name: "vmserver" },
  {
    name: "esxi",
    title: "VMware ESXi",
    format: "vmdk-esxi",
    architectures: ["amd64"],
    describe: (machine) => [
      { name: `${machine.hostname}-esxi.vmx`, content: settings(machine, 13, esxiCard), mode: 0o644 },
    ],
  },
];

/** Bridges give the controller and the network card a place: pvscsi and vmxnet3 are PCIe devices. */
function settings(
  { recipe, network, firmware, hostname, system, uuid, disks }: MachineDescription,
  hardware: number,
  describeCard: typeof card,
): string {
  const entries: Entry[] = [
    [".encoding", "UTF-8"],
    ["config.version", 8],
    ["virtualHW.version", hardware],
    ["displayName", hostname],
    ["guestOS", system.vmware],
    ...(firmware === "uefi" ? [["firmware", "efi"] as const] : []),
    ["uuid.bios", vmwareUuid(uuid)],
    ["uuid.action", "keep"],
    ["memsize", recipe.mem],
    ["numvcpus", recipe.cpus],
    ["pciBridge0.present", true],
    ...[4, 5, 6, 7].flatMap((bridge): Entry[] => [
      [`pciBridge${bridge}.present`, true],
      [`pciBridge${bridge}.virtualDev`, "pcieRootPort"],
      [`pciBridge${bridge}.functions`, 8],
    ]),
    ["scsi0.present", true],
    ["scsi0.virtualDev", "pvscsi"],
    ...disks.flatMap(({ name }, index): Entry[] => [
      [`scsi0:${unit(index)}.present`, true],
      [`scsi0:${unit(index)}.deviceType`, "scsi-hardDisk"],
      [`scsi0:${unit(index)}.fileName`, name],
    ]),
    ...network.interfaces.flatMap(describeCard),
    ["floppy0.present", false],
    ["rtc.diffFromUTC", 0], // Linux takes the clock as UTC; otherwise it has the host's time zone
    ["tools.syncTime", false],
  ];
  return entries.map(([key, value]) => `${key} = "${format(value)}"\n`).join("");
}

/** On a bridge it is the host's network that counts, by whatever name. VMware keeps other makers' addresses only unchecked. */
function card({ mac, attachment }: InterfacePlan, index: number): Entry[] {
  const card = `ethernet${index}`;
  const address: Entry[] =
    mac === undefined
      ? [[`${card}.addressType`, "generated"]]
      : [
          [`${card}.addressType`, "static"],
          [`${card}.address`, mac],
          [`${card}.checkMACAddress`, false],
        ];
  return [
    [`${card}.present`, true],
    [`${card}.virtualDev`, "vmxnet3"],
    [`${card}.connectionType`, attachment.kind === "user" ? "nat" : "bridged"],
    ...address,
  ];
}

/** ESXi has port groups in place of bridges, and one from the start. */
function esxiCard(one: InterfacePlan, index: number): Entry[] {
  const { attachment } = one;
  const group = attachment.kind === "user" ? "VM Network" : attachment.name;
  return [
    ...card(one, index).filter(([name]) => !name.endsWith(".connectionType")),
    [`ethernet${index}.networkName`, group],
  ];
}

function format(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE";
  return String(value);
}

/** Unit 7 is the controller itself. */
function unit(index: number): number {
  return index < 7 ? index : index + 1;
}

/** `56 4d 61 6e 00 11 22 33-44 55 66 77 88 99 aa bb` */
function vmwareUuid(uuid: string): string {
  const bytes = uuid.replaceAll("-", "").toLowerCase().match(/../g) ?? [];
  return `${bytes.slice(0, 8).join(" ")}-${bytes.slice(8).join(" ")}`;
}
