import { crc32 } from "node:zlib";
import type { DiskIds } from "../model/identity.ts";
import { placedVolumes, volumeUuid } from "../model/placed-volume.ts";
import { contentOf, type DiskPlan, partitionName, SECTOR_BYTES } from "../model/storage-plan.ts";
import type { DiskPatch } from "./disk-image.ts";
import { lvmPatches } from "./lvm-group.ts";
import { msdosPatches } from "./msdos-table.ts";

/** The disk's signature and partition records, between boot code and the first sector's end. */
const BOOT_CODE_BYTES = 440;
const ENTRY_COUNT = 128;
const ENTRY_BYTES = 128;
const ENTRY_SECTORS = (ENTRY_COUNT * ENTRY_BYTES) / SECTOR_BYTES;
const HEADER_BYTES = 92;
const PRIMARY_ENTRIES_SECTOR = 2;
const FIRST_USABLE_SECTOR = 2048;

const SWAP_PAGE_BYTES = 4096;
const SWAP_HEADER_OFFSET = 1024;
const SWAP_UUID_OFFSET = SWAP_HEADER_OFFSET + 12;
const SWAP_MAGIC = "SWAPSPACE2";
/** Offset of the serial number in a FAT12 or FAT16 boot sector. */
const FAT_SERIAL_OFFSET = 0x27;

/**
 * The bytes of a disk that hold its ids: its partition table, its volume groups, its swap headers, the FAT serial number. They
 * are what sfdisk and mkswap write (a test compares), without two processes for each machine.
 *
 * @see UEFI specification, 5.3 GUID Partition Table; include/linux/swap.h
 */
export function identityPatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  return [
    ...tablePatches(plan, ids),
    ...groupPatches(plan, ids),
    ...swapPatches(plan, ids),
    ...serialPatches(plan, ids),
  ];
}

/** The bytes of a partition table: of GPT both copies. */
export function tablePatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  if (plan.label === "msdos") return msdosPatches(plan, ids);
  const lastSector = plan.sizeBytes / SECTOR_BYTES - 1;
  const entries = partitionEntries(plan, ids);
  const primary = header(entries, ids, { own: 1, other: lastSector, entries: PRIMARY_ENTRIES_SECTOR, lastSector });
  const backup = header(entries, ids, { own: lastSector, other: 1, entries: lastSector - ENTRY_SECTORS, lastSector });
  return [
    { offsetBytes: BOOT_CODE_BYTES, bytes: Buffer.concat([protectiveRecord(lastSector), primary, entries]) },
    { offsetBytes: (lastSector - ENTRY_SECTORS) * SECTOR_BYTES, bytes: Buffer.concat([entries, backup]) },
  ];
}

/** One partition of type EE over the whole disk, for programs that don't know GPT. */
function protectiveRecord(lastSector: number): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES - BOOT_CODE_BYTES);
  bytes.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff], 446 - BOOT_CODE_BYTES);
  bytes.writeUInt32LE(1, 454 - BOOT_CODE_BYTES);
  bytes.writeUInt32LE(Math.min(lastSector, 0xffff_ffff), 458 - BOOT_CODE_BYTES);
  bytes.set([0x55, 0xaa], 510 - BOOT_CODE_BYTES);
  return bytes;
}

function partitionEntries(plan: DiskPlan, ids: DiskIds): Buffer {
  const bytes = Buffer.alloc(ENTRY_COUNT * ENTRY_BYTES);
  for (const partition of plan.partitions) {
    const { number, typeGuid, startSector, sizeSectors } = partition;
    const entry = bytes.subarray((number - 1) * ENTRY_BYTES, number * ENTRY_BYTES);
    entry.set(guidBytes(typeGuid), 0);
    entry.set(guidBytes(ids.partitionGuids[partitionName(partition)] ?? ""), 16);
    entry.writeBigUInt64LE(BigInt(startSector), 32);
    entry.writeBigUInt64LE(BigInt(startSector + sizeSectors - 1), 40);
  }
  return bytes;
}

function header(
  partitions: Buffer,
  ids: DiskIds,
  sectors: { own: number; other: number; entries: number; lastSector: number },
): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  bytes.write("EFI PART", 0, "latin1");
  bytes.writeUInt32LE(0x0001_0000, 8);
  bytes.writeUInt32LE(HEADER_BYTES, 12);
  bytes.writeBigUInt64LE(BigInt(sectors.own), 24);
  bytes.writeBigUInt64LE(BigInt(sectors.other), 32);
  bytes.writeBigUInt64LE(BigInt(FIRST_USABLE_SECTOR), 40);
  bytes.writeBigUInt64LE(BigInt(sectors.lastSector - ENTRY_SECTORS - 1), 48);
  bytes.set(guidBytes(ids.diskGuid), 56);
  bytes.writeBigUInt64LE(BigInt(sectors.entries), 72);
  bytes.writeUInt32LE(ENTRY_COUNT, 80);
  bytes.writeUInt32LE(ENTRY_BYTES, 84);
  bytes.writeUInt32LE(crc32(partitions), 88);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES)), 16);
  return bytes;
}

/** A GUID as GPT stores it: the first three fields little-endian. */
function guidBytes(guid: string): Buffer {
  const bytes = uuidBytes(guid);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

function swapPatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  const swaps = placedVolumes(plan).filter(
    ({ volume, partition }) => volume.fs === "swap" && !contentOf(partition).luks,
  );
  return swaps.map((swap) => {
    const bytes = swapHeader(swap.sizeSectors, volumeUuid(ids, swap));
    return { offsetBytes: swap.startSector * SECTOR_BYTES, bytes };
  });
}

/** The first page of a swap area. @see include/linux/swap.h */
export function swapHeader(sizeSectors: number, uuid: string): Buffer {
  const bytes = Buffer.alloc(SWAP_PAGE_BYTES);
  const pages = Math.floor((sizeSectors * SECTOR_BYTES) / SWAP_PAGE_BYTES);
  bytes.writeUInt32LE(1, SWAP_HEADER_OFFSET);
  bytes.writeUInt32LE(pages - 1, SWAP_HEADER_OFFSET + 4);
  bytes.set(uuidBytes(uuid), SWAP_UUID_OFFSET);
  bytes.write(SWAP_MAGIC, SWAP_PAGE_BYTES - SWAP_MAGIC.length, "latin1");
  return bytes;
}

function groupPatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  return plan.partitions.flatMap((partition) => {
    const { lvm, luks } = contentOf(partition);
    if (!lvm || luks) return [];
    const id = ids.partitionGuids[partitionName(partition)] ?? "";
    return lvmPatches({ name: lvm.group, partition, volumes: lvm.volumes, id });
  });
}

function serialPatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Number.parseInt(ids.espSerial, 16));
  const esps = plan.partitions.filter(({ role }) => role === "esp");
  return esps.map(({ startSector }) => ({ offsetBytes: startSector * SECTOR_BYTES + FAT_SERIAL_OFFSET, bytes }));
}
