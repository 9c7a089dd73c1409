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

function domain({
  recipe,
  network,
  firmware,
  hostname,
  architecture,
  system,
  uuid,
  disks,
  libvirt,
  directory,
}: MachineDescription): string {
  const machine = MACHINE_TYPES[architecture];
  const isUefi = firmware === "uefi";
  const { hasKvm, isSession, pool } = libvirt;
  const source = (name: string) =>
    pool === undefined
      ? `file="${escapeXml(join(directory, name))}"`
      : `pool="${escapeXml(pool)}" volume="${volumeName(name, uuid)}"`;
  const drives = disks.map(
    ({ name }, index) => `    <disk type='${pool === undefined ? "file" : "volume"}' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source ${source(name)}/>
      <target dev='vd${driveLetter(index)}' bus='virtio'/>
    </disk>`,
  );
  return `<domain type='${hasKvm ? "kvm" : "qemu"}'>
  <name>${escapeXml(hostname)}</name>
  <uuid>${uuid}</uuid>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="${escapeXml(system.libosinfo)}"/>
    </libosinfo:libosinfo>
  </metadata>
  <memory unit='MiB'>${recipe.mem}</memory>
  <vcpu>${recipe.cpus}</vcpu>
  <os${isUefi ? " firmware='efi'" : ""}>
    <type arch='${PROCESSOR_NAMES[architecture]}' machine='${machine}'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>${architecture === "amd64" ? "\n    <apic/>" : ""}
  </features>
  ${processor(architecture, hasKvm)}
  <clock offset='utc'/>
  <devices>
${drives.join("\n")}
${network.interfaces.map((one) => card(one, isSession)).join("\n")}
    <serial type='pty'/>
    <console type='pty'/>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc'/>
    <video>
      <model type='virtio'/>
    </video>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
    </rng>
  </devices>
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
  const source =
    attachment.kind === "bridge"
      ? ["bridge", `bridge='${attachment.name}'`]
      : ["network", `network='${attachment.kind === "network" ? attachment.name : "default"}'`];
  const address = mac === undefined ? "" : `\n      <mac address='${mac}'/>`;
  if (isSession && attachment.kind === "user")
    return `    <interface type='user'>${address}
      <model type='virtio'/>
    </interface>`;
  return `    <interface type='${source[0]}'>${address}
      <source ${source[1]}/>
      <model type='virtio'/>
    </interface>`;
}
