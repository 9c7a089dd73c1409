import { rm } from "node:fs/promises";
import type { DiskIds } from "../model/identity.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import { type DiskPatch, makeSparseFile, readBytes } from "./disk-image.ts";
import { run } from "./process.ts";

const PRIMARY_SECTORS = 34;
const BACKUP_SECTORS = 33;
const SWAP_HEADER_BYTES = 4096;
/** Offset of the serial number in a FAT12 or FAT16 boot sector. */
const FAT_SERIAL_OFFSET = 0x27;

/**
 * The bytes of a disk that hold its ids: both copies of the partition table, the swap header, the FAT serial number.
 * sfdisk and mkswap write them into empty files of the right size; only these bytes are taken.
 *
 * @param scratch path for a temporary sparse file
 */
export async function identityPatches(
  plan: DiskPlan,
  ids: DiskIds,
  scratch: string,
  signal: AbortSignal,
): Promise<DiskPatch[]> {
  return [
    ...(await tablePatches(plan, ids, scratch, signal)),
    ...(await swapPatches(plan, ids, scratch, signal)),
    serialPatch(plan, ids),
  ];
}

/** The protective MBR's partition record and signature, without the boot code, and both copies of the GPT. */
async function tablePatches(plan: DiskPlan, ids: DiskIds, scratch: string, signal: AbortSignal): Promise<DiskPatch[]> {
  await makeSparseFile(scratch, plan.sizeBytes);
  try {
    await run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", scratch], {
      signal,
      input: sfdiskScript(plan, ids),
    });
    const backupOffset = plan.sizeBytes - BACKUP_SECTORS * SECTOR_BYTES;
    const bootCode = 440;
    return [
      { offsetBytes: bootCode, bytes: await readBytes(scratch, bootCode, PRIMARY_SECTORS * SECTOR_BYTES - bootCode) },
      { offsetBytes: backupOffset, bytes: await readBytes(scratch, backupOffset, BACKUP_SECTORS * SECTOR_BYTES) },
    ];
  } finally {
    await rm(scratch, { force: true });
  }
}

function sfdiskScript(plan: DiskPlan, ids: DiskIds): string {
  const lines = plan.partitions.map(
    (one) =>
      `${one.number} : start=${one.startSector}, size=${one.sizeSectors}, type=${one.typeGuid}, uuid=${ids.partitionGuids[one.role] ?? ""}`,
  );
  return `label: gpt\nlabel-id: ${ids.diskGuid}\nunit: sectors\n\n${lines.join("\n")}\n`;
}

async function swapPatches(plan: DiskPlan, ids: DiskIds, scratch: string, signal: AbortSignal): Promise<DiskPatch[]> {
  if (!plan.partitions.some(({ role }) => role === "swap")) return [];
  const swap = partitionOf(plan, "swap");
  await makeSparseFile(scratch, swap.sizeSectors * SECTOR_BYTES);
  try {
    await run(["mkswap", "--uuid", ids.swapUuid, scratch], { signal });
    return [{ offsetBytes: swap.startSector * SECTOR_BYTES, bytes: await readBytes(scratch, 0, SWAP_HEADER_BYTES) }];
  } finally {
    await rm(scratch, { force: true });
  }
}

function serialPatch(plan: DiskPlan, ids: DiskIds): DiskPatch {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Number.parseInt(ids.espSerial, 16));
  return { offsetBytes: partitionOf(plan, "esp").startSector * SECTOR_BYTES + FAT_SERIAL_OFFSET, bytes };
}
