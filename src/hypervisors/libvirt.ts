/**
 * libvirt's QEMU driver: a domain description that `virsh define` takes, or `--libvirt URI` defines at once.
 * Example: `vmbuilder build --hypervisor libvirt --hostname web`, then `virsh define web-trixie-amd64-vm/web.xml`
 * @see https://libvirt.org/formatdomain.html
 */
import { basename, join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import { type Architecture, PROCESSOR_NAMES } from "../model/architecture.ts";
import type { InterfacePlan } from "../model/network.ts";
import { driveLetter } from "./drive-letter.ts";
import { escapeXml } from "./xml.ts";

const MACHINE_TYPES = { amd64: "q35", arm64: "virt", riscv64: "virt" } as const;

export const libvirtDomain: Hypervisor = {
  name: "libvirt",
  title: "libvirt (QEMU)",
  format: "qcow2",
  architectures: ["amd64", "arm64"],
  describe: (machine) => [{ name: `${machine.hostname}.xml`, content: domain(machine), mode: 0o644 }],
};

/** A machine as libvirt's QEMU driver is told of it. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  readonly architecture: Architecture;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly hasKvm: boolean;
  /** What libosinfo calls its system, where that is known. */
  readonly libosinfo?: string | undefined;
  /** libvirt chooses the firmware and keeps its variables. */
  readonly isUefi: boolean;
  /** Attributes of the disks' sources. */
  readonly disks: readonly { readonly type: "file" | "volume"; readonly source: string }[];
  /** Elements of its network cards. */
  readonly cards: readonly string[];
  /** Elements of its serial console; default: a terminal that libvirt makes. */
  readonly console?: string | undefined;
  /** Socket of its screen's VNC server; default: a port. */
  readonly screen?: string | undefined;
  /** What QEMU gets beside what libvirt knows of. */
  readonly qemuArguments?: readonly string[] | undefined;
}

const TERMINAL = `    <serial type='pty'/>
    <console type='pty'/>`;
const QEMU_NAMESPACE = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";

function domain(machine: MachineDescription): string {
  const { recipe, network, firmware, hostname, architecture, system, uuid, libvirt } = machine;
  return formatDomain({
    ...{ name: hostname, uuid, architecture, memoryMb: recipe.mem, cpus: recipe.cpus },
    ...{ hasKvm: libvirt.hasKvm, libosinfo: system.libosinfo, isUefi: firmware === "uefi" },
    disks: machine.disks.map(({ name }) => diskSource(name, machine)),
    cards: network.interfaces.map((one) => card(one, libvirt.isSession)),
  });
}

function diskSource(name: string, { uuid, directory, libvirt: { pool } }: MachineDescription): Domain["disks"][number] {
  if (pool === undefined) return fileSource(join(directory, name));
  return { type: "volume", source: `pool="${escapeXml(pool)}" volume="${volumeName(name, uuid)}"` };
}

/** A disk that is a file of this host. */
export function fileSource(path: string): Domain["disks"][number] {
  return { type: "file", source: `file="${escapeXml(path)}"` };
}

/** The description of a domain, as `virsh define` reads it. Pure. */
export function formatDomain({ architecture, hasKvm, libosinfo, isUefi, ...machine }: Domain): string {
  const { qemuArguments = [] } = machine;
  const drives = machine.disks.map(
    ({ type, source }, index) => `    <disk type='${type}' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source ${source}/>
      <target dev='vd${driveLetter(index)}' bus='virtio'/>
    </disk>`,
  );
  const system =
    libosinfo === undefined
      ? ""
      : `
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="${escapeXml(libosinfo)}"/>
    </libosinfo:libosinfo>
  </metadata>`;
  const graphics = machine.screen === undefined ? "" : ` socket="${escapeXml(machine.screen)}"`;
  const own = qemuArguments.map((argument) => `\n    <qemu:arg value="${escapeXml(argument)}"/>`).join("");
  return `<domain type='${hasKvm ? "kvm" : "qemu"}'${own === "" ? "" : QEMU_NAMESPACE}>
  <name>${escapeXml(machine.name)}</name>
  <uuid>${machine.uuid}</uuid>${system}
  <memory unit='MiB'>${machine.memoryMb}</memory>
  <vcpu>${machine.cpus}</vcpu>
  <os${isUefi ? " firmware='efi'" : ""}>
    <type arch='${PROCESSOR_NAMES[architecture]}' machine='${MACHINE_TYPES[architecture]}'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>${architecture === "amd64" ? "\n    <apic/>" : ""}
  </features>
  ${processor(architecture, hasKvm)}
  <clock offset='utc'/>
  <devices>
${[...drives, ...machine.cards, machine.console ?? TERMINAL].join("\n")}
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc'${graphics}/>
    <video>
      <model type='virtio'/>
    </video>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>
  </devices>${own === "" ? "" : `\n  <qemu:commandline>${own}\n  </qemu:commandline>`}
</domain>
`;
}

/** A volume's name is this machine's alone: another build of the same host name can be uploaded beside it. */
function volumeName(disk: string, uuid: string): string {
  return `${basename(disk, ".qcow2")}-${uuid.slice(0, 8)}.qcow2`;
}

/** The host's own, or what software emulation is quick at: of arm64's, not the one that signs pointers. */
function processor(architecture: Architecture, hasKvm: boolean): string {
  if (hasKvm) return "<cpu mode='host-passthrough'/>";
  if (architecture === "amd64") return "<cpu mode='maximum'/>";
  return "<cpu mode='custom' match='exact'><model>cortex-a72</model></cpu>";
}

/** libvirt's own network where the recipe names none; to it belongs a host that hands out addresses. */
function card({ mac, attachment }: InterfacePlan, isSession: boolean): string {
  if (attachment.kind === "bridge") return bridgeCard(attachment.name, mac);
  if (isSession && attachment.kind === "user") return formatCard("user", "", mac);
  return formatCard("network", `network='${attachment.kind === "network" ? attachment.name : "default"}'`, mac);
}

/** A card on a bridge of the host. */
export function bridgeCard(bridge: string, mac: string | undefined): string {
  return formatCard("bridge", `bridge='${bridge}'`, mac);
}

function formatCard(type: string, source: string, mac: string | undefined): string {
  const address = mac === undefined ? "" : `\n      <mac address='${mac}'/>`;
  const from = source === "" ? "" : `\n      <source ${source}/>`;
  return `    <interface type='${type}'>${address}${from}
      <model type='virtio'/>
    </interface>`;
}
