/**
 * VMware's disks: one that grows (Workstation, Player, VirtualBox), a compressed one for transport (OVA), and ESXi's pair of a
 * description and a flat file, which is sparse here and thin there. Tools: qemu-img (qemu-utils).
 * @see https://www.vmware.com/support/developer/vddk/vmdk_50_technote.pdf
 */
import { randomBytes } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Format } from "../core/format.ts";
import { convertTo } from "./qemu-img.ts";

const adapter = "adapter_type=lsilogic";

export const vmdk: Format = {
  name: "vmdk",
  title: "VMware, growing",
  suffix: ".vmdk",
  convert: convertTo("vmdk", "-o", `subformat=monolithicSparse,${adapter}`),
};

export const streamVmdk: Format = {
  name: "vmdk-stream",
  title: "VMware, compressed for transport",
  suffix: "-stream.vmdk",
  convert: convertTo("vmdk", "-o", `subformat=streamOptimized,${adapter}`),
};

export const esxiVmdk: Format = {
  name: "vmdk-esxi",
  title: "VMware ESXi, thin",
  suffix: "-esxi.vmdk",
  companions: (name) => [flatName(name)],
  async convert(source, target, uuid, signal) {
    const flat = flatName(target);
    await convertTo("raw")(source, flat, uuid, signal);
    await writeFile(target, describeFlat(basename(flat), (await stat(flat)).size));
  },
};

function flatName(name: string): string {
  return name.replace(/\.vmdk$/, "-flat.vmdk");
}

function describeFlat(flat: string, sizeBytes: number): string {
  const sectors = sizeBytes / 512;
  return `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=${randomBytes(4).toString("hex")}
parentCID=ffffffff
createType="vmfs"

# Extent description
RW ${sectors} VMFS "${flat}"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "${Math.min(65535, Math.floor(sectors / (255 * 63)))}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.thinProvisioned = "1"
ddb.virtualHWVersion = "13"
`;
}
