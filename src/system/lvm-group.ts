import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { countExtents, EXTENT_BYTES, LVM_HEADER_BYTES, placeLogicalVolumes } from "../model/logical-volumes.ts";
import { type Partition, SECTOR_BYTES } from "../model/storage-plan.ts";
import type { LogicalVolume } from "../model/storage-request.ts";
import type { DiskPatch } from "./disk-image.ts";

const LABEL_SECTOR = 1;
const PV_HEADER_OFFSET = 32;
const AREA_OFFSET = 4096;
const AREA_BYTES = LVM_HEADER_BYTES - AREA_OFFSET;
const AREA_MAGIC = " LVM2 x[5A%r0N*>";
/** LVM's checksums begin with this, and aren't inverted at their end. @see lib/misc/crc.c, INITIAL_CRC */
const FIRST_CRC = 0xf597a6cf;
/** The physical volume belongs to a group. @see lib/format_text/layout.h, PV_EXT_USED */
const IN_USE = 1;

/** A volume group that fills one partition. */
export interface VolumeGroup {
  readonly name: string;
  readonly partition: Pick<Partition, "startSector" | "sizeSectors">;
  readonly volumes: readonly LogicalVolume[];
  /** A UUID; the ids of the group, its partition and its volumes follow from it. */
  readonly id: string;
}

/**
 * The bytes by which LVM finds a group and its volumes: a label, and a description as text. They are what pvcreate,
 * vgcreate and lvcreate write, who want block devices and the device mapper. Each volume is one piece, whose place is known.
 *
 * @see lvm2: lib/format_text/layout.h, lib/label/label.h
 */
export function lvmPatches(group: VolumeGroup): DiskPatch[] {
  const text = Buffer.from(`${describeGroup(group)}\0`, "latin1");
  const startBytes = group.partition.startSector * SECTOR_BYTES;
  return [
    { offsetBytes: startBytes + LABEL_SECTOR * SECTOR_BYTES, bytes: label(group) },
    { offsetBytes: startBytes + AREA_OFFSET, bytes: Buffer.concat([areaHeader(text), text]) },
  ];
}

function label({ partition, id }: VolumeGroup): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write("LABELONE", 0, "latin1");
  bytes.writeBigUInt64LE(BigInt(LABEL_SECTOR), 8);
  bytes.writeUInt32LE(PV_HEADER_OFFSET, 20);
  bytes.write("LVM2 001", 24, "latin1");
  bytes.write(lvmId(id, "partition").replaceAll("-", ""), PV_HEADER_OFFSET, "latin1");
  // Its size, then three lists of areas, each ended by a pair of zeros: data, descriptions, boot loaders'.
  const data = [LVM_HEADER_BYTES, 0, 0, 0];
  const descriptions = [AREA_OFFSET, AREA_BYTES, 0, 0];
  const fields = [partition.sizeSectors * SECTOR_BYTES, ...data, ...descriptions];
  for (const [i, value] of fields.entries()) bytes.writeBigUInt64LE(BigInt(value), PV_HEADER_OFFSET + 32 + i * 8);
  const extension = PV_HEADER_OFFSET + 32 + fields.length * 8;
  bytes.writeUInt32LE(2, extension); // version
  bytes.writeUInt32LE(IN_USE, extension + 4);
  bytes.writeUInt32LE(checksum(bytes.subarray(20)), 16);
  return bytes;
}

function areaHeader(text: Buffer): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write(AREA_MAGIC, 4, "latin1");
  bytes.writeUInt32LE(1, 20); // version
  bytes.writeBigUInt64LE(BigInt(AREA_OFFSET), 24);
  bytes.writeBigUInt64LE(BigInt(AREA_BYTES), 32);
  bytes.writeBigUInt64LE(BigInt(SECTOR_BYTES), 40); // where the text stands, from the area's begin
  bytes.writeBigUInt64LE(BigInt(text.length), 48);
  bytes.writeUInt32LE(checksum(text), 56);
  bytes.writeUInt32LE(checksum(bytes.subarray(4)), 0);
  return bytes;
}

function checksum(bytes: Buffer): number {
  const inverted = (value: number) => (value ^ 0xffff_ffff) >>> 0;
  return inverted(crc32(bytes, inverted(FIRST_CRC)));
}

function describeGroup({ name, partition, volumes, id }: VolumeGroup): string {
  const lines = placeLogicalVolumes(partition, volumes).flatMap(({ volume, startExtent, extents }) => [
    `${volume.name} {`,
    `id = "${lvmId(id, `volume ${volume.name}`)}"`,
    'status = ["READ", "WRITE", "VISIBLE"]',
    "flags = []",
    "segment_count = 1",
    "segment1 {",
    "start_extent = 0",
    `extent_count = ${extents}`,
    'type = "striped"',
    "stripe_count = 1",
    `stripes = ["pv0", ${startExtent}]`,
    "}",
    "}",
  ]);
  return [
    `${name} {`,
    `id = "${lvmId(id, "group")}"`,
    "seqno = 1",
    'format = "lvm2"',
    'status = ["RESIZEABLE", "READ", "WRITE"]',
    "flags = []",
    `extent_size = ${EXTENT_BYTES / SECTOR_BYTES}`,
    "max_lv = 0",
    "max_pv = 0",
    "metadata_copies = 0",
    "physical_volumes {",
    "pv0 {",
    `id = "${lvmId(id, "partition")}"`,
    'device = "unknown"', // a hint that LVM renews
    'status = ["ALLOCATABLE"]',
    "flags = []",
    `dev_size = ${partition.sizeSectors}`,
    `pe_start = ${LVM_HEADER_BYTES / SECTOR_BYTES}`,
    `pe_count = ${countExtents(partition)}`,
    "}",
    "}",
    "logical_volumes {",
    ...lines,
    "}",
    "}",
    'contents = "Text Format Volume Group"',
    "version = 1",
    'description = "Written by vmbuilder"',
    'creation_host = "vmbuilder"',
    "creation_time = 0",
    "",
  ].join("\n");
}

/** An id of LVM's: 32 digits in seven groups. */
function lvmId(id: string, what: string): string {
  const digits = createHash("sha256").update(`${id} ${what}`).digest("hex").slice(0, 32);
  return digits.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, "$1-$2-$3-$4-$5-$6-$7");
}
