/**
 * Vagrant: a box for its libvirt provider, or for VirtualBox's. The box logs in as the recipe's user, or as root, with the key
 * that the recipe gave it; Vagrant is told where its private half is by `config.ssh.private_key_path`.
 * Example: `vmbuilder build --hypervisor vagrant-libvirt --hostname web`, then `vagrant box add --name web web-libvirt.box`
 * @see https://developer.hashicorp.com/vagrant/docs/boxes/format
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import { writeTarFile } from "../system/tar-file.ts";
import { ovfEnvelope } from "./ovf.ts";

export const VAGRANT: readonly Hypervisor[] = [
  {
    name: "vagrant-libvirt",
    title: "Vagrant, by libvirt",
    format: "qcow2-compressed",
    architectures: ["amd64", "arm64"],
    describe: () => [],
    pack: packForLibvirt,
  },
  {
    name: "vagrant-vbox",
    title: "Vagrant, by VirtualBox",
    format: "vmdk-stream",
    architectures: ["amd64"],
    describe: () => [],
    pack: packForVirtualBox,
  },
];

/** @see https://vagrant-libvirt.github.io/vagrant-libvirt/boxes.html: one disk by its first format, several by the second */
async function packForLibvirt(machine: MachineDescription, folder: string, signal: AbortSignal): Promise<string> {
  const name = `${machine.hostname}-libvirt.box`;
  const { recipe, firmware, network } = machine;
  const mac = network.interfaces[0]?.mac;
  const disks = (await onDisk(machine, folder)).map((disk, index) => ({ ...disk, name: boxDisk(index) }));
  const gib = Math.ceil((disks[0]?.sizeBytes ?? 0) / 1024 ** 3);
  const metadata =
    disks.length === 1
      ? { provider: "libvirt", format: "qcow2", virtual_size: gib }
      : { provider: "libvirt", disks: disks.map((disk) => ({ format: "qcow2", path: disk.name })) };
  const settings = [
    "  config.vm.provider :libvirt do |libvirt|",
    `    libvirt.memory = ${recipe.mem}`,
    `    libvirt.cpus = ${recipe.cpus}`,
    '    libvirt.disk_bus = "virtio"',
    ...(mac === undefined ? [] : [`    libvirt.management_network_mac = "${mac}"`]),
    ...(firmware === "uefi" && machine.architecture === "amd64"
      ? [
          '    firmware = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"].find { |path| File.exist?(path) }',
          "    libvirt.loader = firmware if firmware",
        ]
      : []),
    "  end",
  ];
  await writeTarFile(join(folder, name), [...boxFiles(machine, metadata, settings), ...disks], signal);
  return name;
}

function boxDisk(index: number): string {
  return index === 0 ? "box.img" : `box-${index + 1}.img`;
}

/** VirtualBox imports box.ovf, and Vagrant then sets processors and memory by VBoxManage only where a Vagrantfile asks. */
async function packForVirtualBox(machine: MachineDescription, folder: string, signal: AbortSignal): Promise<string> {
  const name = `${machine.hostname}-virtualbox.box`;
  const disks = await onDisk(machine, folder);
  const settings = [`  config.vm.base_mac = "${baseMac(machine)}"`];
  const members = [
    ...boxFiles(machine, { provider: "virtualbox" }, settings),
    { name: "box.ovf", content: Buffer.from(ovfEnvelope(machine, disks, "ahci")) },
    ...disks,
  ];
  await writeTarFile(join(folder, name), members, signal);
  return name;
}

function onDisk({ disks }: MachineDescription, folder: string) {
  return Promise.all(
    disks.map(async (disk) => {
      const path = join(folder, disk.name);
      return { ...disk, path, fileBytes: (await stat(path)).size };
    }),
  );
}

/** What every box has. Sharing a folder would need programs inside that nobody asked for. */
function boxFiles({ hostname, recipe }: MachineDescription, metadata: object, settings: readonly string[]) {
  const lines = [
    `# ${hostname}, made by vmbuilder. A Vagrantfile of your own comes after this one and may say otherwise.`,
    'Vagrant.configure("2") do |config|',
    `  config.ssh.username = "${recipe.user ?? "root"}"`,
    "  config.ssh.insert_key = false",
    '  config.vm.synced_folder ".", "/vagrant", disabled: true',
    ...settings,
    "end",
    "",
  ];
  return [
    { name: "metadata.json", content: Buffer.from(`${JSON.stringify(metadata)}\n`) },
    { name: "Vagrantfile", content: Buffer.from(lines.join("\n")) },
  ];
}

/** Vagrant's VirtualBox provider wants an address always: the recipe's, or one of VirtualBox's range that is the machine's own. */
function baseMac({ network, uuid }: MachineDescription): string {
  const mac = network.interfaces[0]?.mac?.replaceAll(":", "") ?? `080027${uuid.slice(-6)}`;
  return mac.toUpperCase();
}
