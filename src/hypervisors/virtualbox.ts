/**
 * VirtualBox: a .vbox that it opens, its disk, and a script that registers the machine.
 * Example: `vmbuilder build --hypervisor vbox --hostname web`, then `web-trixie-amd64-vm/web-vbox.sh`
 */
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { InterfacePlan } from "../model/network.ts";
import { escapeXml } from "./xml.ts";

export const virtualbox: Hypervisor = {
  name: "vbox",
  title: "VirtualBox",
  format: "vdi",
  architectures: ["amd64"],
  describe: (machine) => [
    { name: `${machine.hostname}.vbox`, content: settings(machine), mode: 0o644 },
    { name: `${machine.hostname}-vbox.sh`, content: registration(machine.hostname), mode: 0o755 },
  ],
};

/**
 * The clock is UTC, as Linux takes it; without Paravirt it would have none of KVM's.
 * @see VirtualBox, VirtualBox-settings.xsd: 1.16 is what version 6.0 and all later ones read
 */
function settings({ recipe, network, firmware, hostname, system, uuid, disks }: MachineDescription): string {
  const media = disks.map(
    (disk) => `        <HardDisk uuid="{${disk.uuid}}" location="${escapeXml(disk.name)}" format="VDI" type="Normal"/>`,
  );
  const devices = disks.map(
    (disk, port) => `        <AttachedDevice type="HardDisk" hotpluggable="false" port="${port}" device="0">
          <Image uuid="{${disk.uuid}}"/>
        </AttachedDevice>`,
  );
  return `<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.16-linux">
  <Machine uuid="{${uuid}}" name="${escapeXml(hostname)}" OSType="${system.virtualbox}" snapshotFolder="Snapshots" lastStateChange="2020-01-01T00:00:00Z">
    <MediaRegistry>
      <HardDisks>
${media.join("\n")}
      </HardDisks>
    </MediaRegistry>
    <Hardware>
      <CPU count="${recipe.cpus}">
        <PAE enabled="true"/>
        <LongMode enabled="true"/>
      </CPU>
      <Memory RAMSize="${recipe.mem}"/>
      <Paravirt provider="Default"/>
      <Firmware type="${firmware === "uefi" ? "EFI" : "BIOS"}"/>
      <Display controller="VMSVGA" VRAMSize="16"/>
      <BIOS>
        <IOAPIC enabled="true"/>
      </BIOS>
      <Network>
${network.interfaces.map(adapter).join("\n")}
      </Network>
      <RTC localOrUTC="UTC"/>
    </Hardware>
    <StorageControllers>
      <StorageController name="SATA" type="AHCI" PortCount="${disks.length}" useHostIOCache="false" Bootable="true">
${devices.join("\n")}
      </StorageController>
    </StorageControllers>
  </Machine>
</VirtualBox>
`;
}

function adapter({ mac, attachment }: InterfacePlan, slot: number): string {
  const address = mac === undefined ? "" : ` MACAddress="${mac.replaceAll(":", "").toUpperCase()}"`;
  const ssh = `
            <Forwarding name="ssh" proto="1" hostip="127.0.0.1" hostport="2222" guestport="22"/>
          `;
  const way =
    attachment.kind === "user"
      ? `<NAT>${slot === 0 ? ssh : ""}</NAT>`
      : `<BridgedInterface name="${escapeXml(attachment.name)}"/>`;
  return `        <Adapter slot="${slot}" enabled="true"${address} type="virtio">
          ${way}
        </Adapter>`;
}

function registration(hostname: string): string {
  return `#!/bin/sh
# Registers ${hostname} with VirtualBox, where it stays in this folder. Its ssh is then at port 2222 of the host; another port:
#   VBoxManage modifyvm ${hostname} --natpf1 delete ssh --natpf1 ssh,tcp,127.0.0.1,2223,,22
set -eu
cd "$(dirname "$0")"
VBoxManage registervm "$PWD/${hostname}.vbox"
echo "Start it: VBoxManage startvm ${hostname} --type headless"
echo "Remove it, with its disks: VBoxManage unregistervm ${hostname} --delete"
`;
}
