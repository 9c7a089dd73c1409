import type { MachineDescription } from "../core/hypervisor.ts";
import { escapeXml } from "./xml.ts";

const RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
const VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";

/** The disk's controller: VMware's usual one, or VirtualBox's. */
const CONTROLLERS = {
  lsilogic: { title: "SCSI controller", subtype: "lsilogic", resourceType: 6, systemType: "vmx-13" },
  ahci: { title: "SATA controller", subtype: "AHCI", resourceType: 20, systemType: "virtualbox-2.2" },
} as const;

/** The description of a machine in OVF 1.0, which all importers read. */
export function ovfEnvelope(
  { recipe, network, firmware, hostname, system }: MachineDescription,
  disks: readonly { name: string; fileBytes: number; sizeBytes: number }[],
  controllerName: keyof typeof CONTROLLERS,
): string {
  const controller = CONTROLLERS[controllerName];
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
        <vssd:VirtualSystemType>${controller.systemType}</vssd:VirtualSystemType>
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
    ["ElementName", controller.title],
    ["InstanceID", 3],
    ["ResourceSubType", controller.subtype],
    ["ResourceType", controller.resourceType],
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
