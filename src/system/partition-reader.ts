import { SECTOR_BYTES } from "../model/storage-plan.ts";
import type { DiskBytes } from "./disk-bytes.ts";

const ENTRY_BYTES = 16;
const TABLE_AT = 446;
const PROTECTIVE = 0xee;
const EXTENDED = [0x05, 0x0f, 0x85];
const MOST_PARTITIONS = 128;

/**
 * Where a disk's partitions begin: by GPT, or by an msdos table with its logical partitions. None when it has no table.
 *
 * @see UEFI specification, 5.3 GUID Partition Table
 */
export async function partitionOffsets(disk: DiskBytes): Promise<number[]> {
  const head = await disk.read(0, SECTOR_BYTES);
  if (head.readUInt16LE(510) !== 0xaa55) return [];
  const entries = msdosEntries(head);
  if (entries.some(({ type }) => type === PROTECTIVE)) return gptOffsets(disk);
  const primary = entries.filter(({ type }) => !EXTENDED.includes(type)).map(({ start }) => start);
  const extended = entries.find(({ type }) => EXTENDED.includes(type))?.start;
  const logical = extended === undefined ? [] : await logicalStarts(disk, extended);
  return [...primary, ...logical].map((sector) => sector * SECTOR_BYTES);
}

function msdosEntries(sector: Buffer): { type: number; start: number }[] {
  return [0, 1, 2, 3]
    .map((index) => TABLE_AT + index * ENTRY_BYTES)
    .map((at) => ({ type: sector.readUInt8(at + 4), start: sector.readUInt32LE(at + 8) }))
    .filter(({ type }) => type !== 0);
}

/** Each logical partition has a table of its own, whose second entry leads to the next one. */
async function logicalStarts(disk: DiskBytes, extended: number): Promise<number[]> {
  const starts: number[] = [];
  for (let table = extended; starts.length < MOST_PARTITIONS; ) {
    const [own, next] = msdosEntries(await disk.read(table * SECTOR_BYTES, SECTOR_BYTES));
    if (!own) break;
    starts.push(table + own.start);
    if (!next) break;
    table = extended + next.start;
  }
  return starts;
}

async function gptOffsets(disk: DiskBytes): Promise<number[]> {
  const header = await disk.read(SECTOR_BYTES, SECTOR_BYTES);
  if (header.toString("latin1", 0, 8) !== "EFI PART") return [];
  const count = Math.min(header.readUInt32LE(80), MOST_PARTITIONS);
  const size = header.readUInt32LE(84);
  if (size < 128 || size > SECTOR_BYTES) return [];
  const entries = await disk.read(Number(header.readBigUInt64LE(72)) * SECTOR_BYTES, count * size);
  const places = Array.from({ length: count }, (_, index) => Number(entries.readBigUInt64LE(index * size + 32)));
  return places.filter((sector) => sector > 0).map((sector) => sector * SECTOR_BYTES);
}
