/**
 * VMware's disks: one that grows (Workstation, Player, VirtualBox), a compressed one for transport (OVA), and ESXi's pair of a
 * description and a flat file, which is sparse here and thin there. Tools: qemu-img (qemu-utils) for what isn't raw.
 * @see https://www.vmware.com/support/developer/vddk/vmdk_50_technote.pdf
 */
import { stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Format } from "../core/format.ts";
import { type VmdkSource, writeSparseVmdk, writeStreamVmdk } from "../system/vmdk-writer.ts";
import { convertTo } from "./qemu-img.ts";
import { withRawDisk } from "./raw-disk.ts";

export const vmdk: Format = {
  name: "vmdk",
  title: "VMware, growing",
  suffix: ".vmdk",
  convert: write(writeSparseVmdk, "monolithicSparse"),
};

export const streamVmdk: Format = {
  name: "vmdk-stream",
  title: "VMware, compressed for transport",
  suffix: "-stream.vmdk",
  convert: write(writeStreamVmdk, "streamOptimized"),
};

export const esxiVmdk: Format = {
  name: "vmdk-esxi",
  title: "VMware ESXi, thin",
  suffix: "-esxi.vmdk",
  companions: (name) => [flatName(name)],
  async convert(source, target, uuid, signal) {
    const flat = flatName(target);
    await convertTo("raw")(source, flat, uuid, signal);
    const { size } = await stat(flat);
    const extent = `VMFS "${basename(flat)}"`;
    await writeFile(
      target,
      describe({ type: "vmfs", extent, sizeBytes: size, uuid, more: 'ddb.thinProvisioned = "1"\n' }),
    );
  },
};

/** A conversion into one file that holds its own description. */
function write(
  writer: (source: VmdkSource, target: string, signal: AbortSignal) => Promise<void>,
  type: string,
): Format["convert"] {
  return (source, target, uuid, signal) =>
    withRawDisk(source, target, signal, (disk) => {
      const extent = `SPARSE "${basename(target)}"`;
      return writer(
        { ...disk, description: describe({ type, extent, sizeBytes: disk.sizeBytes, uuid }) },
        target,
        signal,
      );
    });
}

function flatName(name: string): string {
  return name.replace(/\.vmdk$/, "-flat.vmdk");
}

/** The content's id, by which a child would know its parent, comes of the disk's UUID: the same disk gives the same bytes. */
function describe(disk: { type: string; extent: string; sizeBytes: number; uuid: string; more?: string }): string {
  const sectors = Math.ceil(disk.sizeBytes / 512);
  return `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=${disk.uuid.slice(0, 8)}
parentCID=ffffffff
createType="${disk.type}"

# Extent description
RW ${sectors} ${disk.extent}

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "${Math.min(65535, Math.floor(sectors / (255 * 63)))}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
${disk.more ?? ""}ddb.virtualHWVersion = "13"
`;
}
