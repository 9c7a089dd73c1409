import type { MachineDescription } from "../core/hypervisor.ts";
import { escapeXml } from "./xml.ts";

const CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2";
const RASD = `${CIM}/CIM_ResourceAllocationSettingData`;
const VSSD = `${CIM}/CIM_VirtualSystemSettingData`;

/**
 * OVF 2.0 has elements of their own for disks and network cards. VirtualBox, which reads it (VMware doesn't), names their namespaces so.
 */
const VERSIONS = {
  "1.0": {
    envelope: "http://schemas.dmtf.org/ovf/envelope/1",
    attributes: "",
    disk: ["Item", "rasd"],
    card: ["Item", "rasd"],
  },
  "2.0": {
    envelope: "http://schemas.dmtf.org/ovf/envelope/2",
    attributes: ` xmlns:sasd="${CIM}/CIM_StorageAllocationSettingData.xsd" xmlns:epasd="${CIM}/CIM_EthernetPortAllocationSettingData.xsd" ovf:version="2.0"`,
    disk: ["StorageItem", "sasd"],
    card: ["EthernetPortItem", "epasd"],
  },
} as const;

export type OvfVersion = keyof typeof VERSIONS;

/** The disk's controller: VMware's usual one, or VirtualBox's. */
const CONTROLLERS = {
  lsilogic: { title: "SCSI controller", subtype: "lsilogic", resourceType: 6, systemType: "vmx-13" },
  ahci: { title: "SATA controller", subtype: "AHCI", resourceType: 20, systemType: "virtualbox-2.2" },
} as const;

/** The description of a machine in OVF: 1.0, which all importers read, or 2.0. */
export function ovfEnvelope(
  { recipe, network, firmware, hostname, system }: MachineDescription,
  disks: readonly { name: string; fileBytes: number; sizeBytes: number }[],
  controllerName: keyof typeof CONTROLLERS,
  version: OvfVersion = "1.0",
): string {
  const controller = CONTROLLERS[controllerName];
  const ovf = VERSIONS[version];
  const files = disks.map(
    ({ name, fileBytes }, i) =>
      `    <File ovf:href="${escapeXml(name)}" ovf:id="file${i + 1}" ovf:size="${fileBytes}"/>`,
  );
  const media = disks.map(
    ({ sizeBytes }, i) =>
      `    <Disk ovf:capacity="${sizeBytes}" ovf:diskId="disk${i + 1}" ovf:fileRef="file${i + 1}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`,
  );
  const drives = disks.map((_, i) =>
    item(ovf.disk, [
      ["AddressOnParent", i],
      ["ElementName", `disk ${i + 1}`],
      ["HostResource", `ovf:/disk/disk${i + 1}`],
      ["InstanceID", 10 + i],
      ["Parent", 3],
      ["ResourceType", 17],
    ]),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="${ovf.envelope}" xmlns:ovf="${ovf.envelope}" xmlns:rasd="${RASD}" xmlns:vssd="${VSSD}" xmlns:vmw="http://www.vmware.com/schema/ovf"${ovf.attributes}>
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
  item(GENERAL, [
    ["ElementName", `${recipe.cpus} processors`],
    ["InstanceID", 1],
    ["ResourceType", 3],
    ["VirtualQuantity", recipe.cpus],
  ]),
  item(GENERAL, [
    ["AllocationUnits", "byte * 2^20"],
    ["ElementName", `${recipe.mem} MB of memory`],
    ["InstanceID", 2],
    ["ResourceType", 4],
    ["VirtualQuantity", recipe.mem],
  ]),
  item(GENERAL, [
    ["Address", 0],
    ["ElementName", controller.title],
    ["InstanceID", 3],
    ["ResourceSubType", controller.subtype],
    ["ResourceType", controller.resourceType],
  ]),
  ...drives,
  ...network.interfaces.map(({ mac }, i) =>
    item(ovf.card, [
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

const GENERAL = ["Item", "rasd"] as const;

/** The elements of an item stand in alphabetical order, as its schema wants them. */
function item(
  [element, prefix]: readonly [element: string, prefix: string],
  values: readonly (readonly [string, string | number])[],
): string {
  const lines = values.map(
    ([name, value]) => `        <${prefix}:${name}>${escapeXml(String(value))}</${prefix}:${name}>`,
  );
  return `      <${element}>\n${lines.join("\n")}\n      </${element}>`;
}
