/**
 * libvirt's QEMU driver: a domain description that `virsh define` takes, or `--libvirt URI` defines at once.
 * Example: `vmbuilder build --hypervisor libvirt --hostname web`, then `virsh define web-trixie-amd64-vm/web.xml`
 * @see https://libvirt.org/formatdomain.html
 */
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { InterfacePlan } from "../model/network.ts";
import { escapeXml } from "./xml.ts";

const MACHINES = { amd64: ["x86_64", "q35"], arm64: ["aarch64", "virt"] } as const;

export const libvirt: Hypervisor = {
  name: "libvirt",
  title: "libvirt (QEMU)",
  format: "qcow2",
  architectures: ["amd64", "arm64"],
  describe: (machine) => [{ name: `${machine.hostname}.xml`, content: domain(machine), mode: 0o644 }],
};

/** Without a domain type that the host lacks: libvirt refuses `kvm` where there is none, so `virsh` users may edit one word. */
function domain({
  recipe,
  network,
  firmware,
  hostname,
  architecture,
  system,
  uuid,
  disks,
  directory,
}: MachineDescription): string {
  const [cpu, machine] = MACHINES[architecture];
  const isUefi = firmware === "uefi";
  const drives = disks.map(
    ({ name }, index) => `    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file="${escapeXml(join(directory, name))}"/>
      <target dev='vd${"abcdefghijklmnopqrstuvwxyz"[index]}' bus='virtio'/>
    </disk>`,
  );
  return `<domain type='kvm'>
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
    <type arch='${cpu}' machine='${machine}'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>${architecture === "amd64" ? "\n    <apic/>" : ""}
  </features>
  <cpu mode='host-passthrough'/>
  <clock offset='utc'/>
  <devices>
${drives.join("\n")}
${network.interfaces.map(card).join("\n")}
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

/** libvirt's own network where the recipe names none; to it belongs a host that hands out addresses. */
function card({ mac, attachment }: InterfacePlan): string {
  const source =
    attachment.kind === "bridge"
      ? ["bridge", `bridge='${attachment.name}'`]
      : ["network", `network='${attachment.kind === "network" ? attachment.name : "default"}'`];
  return `    <interface type='${source[0]}'>${mac === undefined ? "" : `\n      <mac address='${mac}'/>`}
      <source ${source[1]}/>
      <model type='virtio'/>
    </interface>`;
}
