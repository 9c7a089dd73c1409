/**
 * OVA: one file that VMware, VirtualBox and others import. It is a tar of a description (OVF 1.0), hashes and the disk.
 * Example: `vmbuilder build --hypervisor ova --hostname web`
 * @see https://www.dmtf.org/standards/ovf
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import { sha256File } from "../system/files.ts";
import { endOfTar, tarFileHeader, tarPadding } from "../system/tar-writer.ts";
import { escapeXml } from "./xml.ts";

export const ova: Hypervisor = {
  name: "ova",
  title: "OVA (Open Virtualization Format)",
  format: "vmdk-stream",
  architectures: ["amd64"],
  describe: () => [],
  pack: packOva,
};

/** The description stands first, as the standard wants it; the disk streams through. */
async function packOva(machine: MachineDescription, folder: string, signal: AbortSignal): Promise<string> {
  const name = `${machine.hostname}.ova`;
  const disks = await Promise.all(
    machine.disks.map(async (disk) => {
      const path = join(folder, disk.name);
      return { ...disk, path, fileBytes: (await stat(path)).size, sha256: await sha256File(path, signal) };
    }),
  );
  const ovf = Buffer.from(envelope(machine, disks));
  const ovfName = `${machine.hostname}.ovf`;
  const hashes = [{ name: ovfName, sha256: createHash("sha256").update(ovf).digest("hex") }, ...disks].map(
    (file) => `SHA256(${file.name})= ${file.sha256}\n`,
  );
  await using file = await open(join(folder, name), "wx");
  for (const [member, content] of [
    [ovfName, ovf],
    [`${machine.hostname}.mf`, Buffer.from(hashes.join(""))],
  ] as const) {
    await file.writeFile(tarFileHeader(member, content.length));
    await file.writeFile(content);
    await file.writeFile(tarPadding(content.length));
  }
  for (const disk of disks) {
    await file.writeFile(tarFileHeader(disk.name, disk.fileBytes));
    await file.writeFile(createReadStream(disk.path, { highWaterMark: 1024 * 1024, signal }));
    await file.writeFile(tarPadding(disk.fileBytes));
  }
  await file.writeFile(endOfTar());
  return name;
}

const RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
const VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";

function envelope(
  { recipe, network, firmware, hostname, system }: MachineDescription,
  disks: readonly { name: string; fileBytes: number; sizeBytes: number }[],
): string {
  const files = disks.map(
    ({ name, fileBytes }, i) =>
      `    <File ovf:href="${escapeXml(name)}" ovf:id="file${i + 1}" ovf:size="${fileBytes}"/>`,
  );
  const media = disks.map(
    ({ sizeBytes }, i) =>
      `    <Disk ovf:capacity="${sizeBytes}" ovf:diskId="disk${i + 1}" ovf:fileRef="file${i + 1}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`,
  );
  const drives = disks.map((_, i) =>
    item([
      ["AddressOnParent", i],
      ["ElementName", `disk ${i + 1}`],
      ["HostResource", `ovf:/disk/disk${i + 1}`],
      ["InstanceID", 10 + i],
      ["Parent", 3],
      ["ResourceType", 17],
    ]),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="${RASD}" xmlns:vssd="${VSSD}" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
${files.join("\n")}
  </References>
  <DiskSection>
    <Info>Disks</Info>
${media.join("\n")}
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="NAT">
      <Description>the network of the machine</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${escapeXml(hostname)}">
    <Info>A virtual machine</Info>
    <Name>${escapeXml(hostname)}</Name>
    <OperatingSystemSection ovf:id="${system.cim}">
      <Info>The operating system</Info>
      <Description>${escapeXml(system.vmware)}</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${escapeXml(hostname)}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
${[
  item([
    ["ElementName", `${recipe.cpus} processors`],
    ["InstanceID", 1],
    ["ResourceType", 3],
    ["VirtualQuantity", recipe.cpus],
  ]),
  item([
    ["AllocationUnits", "byte * 2^20"],
    ["ElementName", `${recipe.mem} MB of memory`],
    ["InstanceID", 2],
    ["ResourceType", 4],
    ["VirtualQuantity", recipe.mem],
  ]),
  item([
    ["Address", 0],
    ["ElementName", "SCSI controller"],
    ["InstanceID", 3],
    ["ResourceSubType", "lsilogic"],
    ["ResourceType", 6],
  ]),
  ...drives,
  ...network.interfaces.map(({ mac }, i) =>
    item([
      ...(mac === undefined ? [] : [["Address", mac] as const]),
      ["AddressOnParent", 7 + i],
      ["AutomaticAllocation", "true"],
      ["Connection", "NAT"],
      ["ElementName", `network card ${i + 1}`],
      ["InstanceID", 100 + i],
      ["ResourceSubType", "E1000"],
      ["ResourceType", 10],
    ]),
  ),
].join("\n")}
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${firmware === "uefi" ? "efi" : "bios"}"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** The elements of an item stand in alphabetical order, as its schema wants them. */
function item(values: readonly (readonly [string, string | number])[]): string {
  const lines = values.map(([name, value]) => `        <rasd:${name}>${escapeXml(String(value))}</rasd:${name}>`);
  return `      <Item>\n${lines.join("\n")}\n      </Item>`;
}
