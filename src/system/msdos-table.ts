import type { DiskIds } from "../model/identity.ts";
import { MIB } from "../model/size.ts";
import { type DiskPlan, PARTITION_TYPES, type Partition, SECTOR_BYTES } from "../model/storage-plan.ts";
import type { DiskPatch } from "./disk-image.ts";

const SIGNATURE_OFFSET = 440;
const RECORDS_OFFSET = 446;
const RECORD_BYTES = 16;
const FIRST_LOGICAL = 5;
const ACTIVE = 0x80;
const TYPES: Readonly<Record<string, number>> = {
  [PARTITION_TYPES.esp]: 0xef,
  [PARTITION_TYPES.swap]: 0x82,
  [PARTITION_TYPES.lvm]: 0x8e,
};
const [LINUX, EXTENDED] = [0x83, 0x05];
const GAP_SECTORS = MIB / SECTOR_BYTES;
const [HEADS, TRACK_SECTORS] = [255, 63];

/** Where a partition is and what it is, as one record of a table says it. */
interface TableRecord {
  readonly type: number;
  readonly startSector: number;
  readonly sizeSectors: number;
  /** What the record's start is counted from. */
  readonly from: number;
  readonly active?: boolean;
}

/**
 * The partition table of an msdos disk behind its boot code, and the records of its logical partitions, which form a chain.
 * They are what sfdisk writes (a test compares). Root is marked as active: some firmware boots nothing else.
 *
 * @see https://en.wikipedia.org/wiki/Extended_boot_record
 */
export function msdosPatches(plan: DiskPlan, ids: DiskIds): DiskPatch[] {
  const { extended } = plan;
  const primaries = plan.partitions.filter(({ number }) => number < FIRST_LOGICAL);
  const first = Buffer.alloc(SECTOR_BYTES);
  first.writeUInt32LE(Number.parseInt(ids.diskGuid.slice(0, 8), 16), SIGNATURE_OFFSET);
  for (const one of primaries)
    writeRecord(first, one.number, { ...describe(one), from: 0, active: one.role === "root" });
  if (extended) writeRecord(first, extended.number, { ...extended, type: EXTENDED, from: 0 });
  const logicals = plan.partitions.filter(({ number }) => number >= FIRST_LOGICAL);
  return [
    { offsetBytes: SIGNATURE_OFFSET, bytes: signed(first).subarray(SIGNATURE_OFFSET) },
    ...logicals.map((one, index) => {
      const place = one.startSector - GAP_SECTORS;
      const bytes = Buffer.alloc(SECTOR_BYTES);
      writeRecord(bytes, 1, { ...describe(one), from: place });
      const next = logicals[index + 1];
      if (next && extended) {
        const startSector = next.startSector - GAP_SECTORS;
        const sizeSectors = next.sizeSectors + GAP_SECTORS;
        writeRecord(bytes, 2, { type: EXTENDED, startSector, sizeSectors, from: extended.startSector });
      }
      return { offsetBytes: place * SECTOR_BYTES, bytes: signed(bytes) };
    }),
  ];
}

function describe({ typeGuid, startSector, sizeSectors }: Partition): Omit<TableRecord, "from"> {
  return { type: TYPES[typeGuid] ?? LINUX, startSector, sizeSectors };
}

function writeRecord(
  table: Buffer,
  number: number,
  { type, startSector, sizeSectors, from, active }: TableRecord,
): void {
  const record = table.subarray(RECORDS_OFFSET + (number - 1) * RECORD_BYTES);
  record.writeUInt8(active ? ACTIVE : 0, 0);
  record.set(cylinders(startSector), 1);
  record.writeUInt8(type, 4);
  record.set(cylinders(startSector + sizeSectors - 1), 5);
  record.writeUInt32LE(startSector - from, 8);
  record.writeUInt32LE(sizeSectors, 12);
}

/** The address by cylinder, head and sector, for programs of another century. */
function cylinders(sector: number): [number, number, number] {
  const cylinder = Math.floor(sector / (HEADS * TRACK_SECTORS));
  if (cylinder > 1023) return [0xfe, 0xff, 0xff];
  const head = Math.floor(sector / TRACK_SECTORS) % HEADS;
  return [head, ((sector % TRACK_SECTORS) + 1) | ((cylinder >> 2) & 0xc0), cylinder & 0xff];
}

function signed(sector: Buffer): Buffer {
  sector.set([0x55, 0xaa], SECTOR_BYTES - 2);
  return sector;
}
