/**
 * The parts of a VMDK that holds its own description: header, tables, markers. Numbers are little-endian, places count in sectors.
 * @see vmdk_50_technote.pdf by VMware
 */

export const SECTOR_BYTES = 512;
/** A grain is what an entry of a table points to. */
export const GRAIN_BYTES = 64 * 1024;
export const GRAIN_SECTORS = GRAIN_BYTES / SECTOR_BYTES;
export const ENTRIES_A_TABLE = 512;
export const TABLE_SECTORS = (ENTRIES_A_TABLE * 4) / SECTOR_BYTES;

const DESCRIPTOR_AT = 1;
const DESCRIPTOR_SECTORS = 20;
/** The directory stands behind the grains, and the footer says where. */
const AT_END = 0xffff_ffff_ffff_ffffn;

/** What a header says of its file. */
export interface VmdkHeader {
  readonly sizeBytes: number;
  /** Undefined: at the end. */
  readonly directoryAt: number | undefined;
  /** Undefined: there is no second one. */
  readonly redundantDirectoryAt?: number;
  /** Where grains begin. */
  readonly grainsAt: number;
  /** Grains are deflated, and markers stand between the parts. */
  readonly isStream: boolean;
}

/** A header, or the footer of a stream: one sector. */
export function formatVmdkHeader(header: VmdkHeader): Buffer {
  const { sizeBytes, directoryAt, redundantDirectoryAt, grainsAt, isStream } = header;
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.write("KDMV", 0, "latin1");
  sector.writeUInt32LE(isStream ? 3 : 1, 4);
  // line ends can be checked; a second directory; grains are compressed; there are markers
  sector.writeUInt32LE(1 | (redundantDirectoryAt === undefined ? 0 : 2) | (isStream ? 0x30000 : 0), 8);
  sector.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / SECTOR_BYTES)), 12);
  sector.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR_AT), 28);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR_SECTORS), 36);
  sector.writeUInt32LE(ENTRIES_A_TABLE, 44);
  sector.writeBigUInt64LE(BigInt(redundantDirectoryAt ?? 0), 48);
  sector.writeBigUInt64LE(directoryAt === undefined ? AT_END : BigInt(directoryAt), 56);
  sector.writeBigUInt64LE(BigInt(grainsAt), 64);
  sector.write("\n \r\n", 73, "latin1");
  sector.writeUInt16LE(isStream ? 1 : 0, 77);
  return sector;
}

/** A file's first sectors: its header, then its description. */
export function formatVmdkHead(header: VmdkHeader, description: string): Buffer {
  const text = Buffer.alloc(DESCRIPTOR_SECTORS * SECTOR_BYTES);
  if (text.write(description) < Buffer.byteLength(description)) throw new Error("a VMDK's description is too long");
  return Buffer.concat([formatVmdkHeader(header), text]);
}

/** Sectors of the head; what follows may begin here. */
export const HEAD_SECTORS = DESCRIPTOR_AT + DESCRIPTOR_SECTORS;

/** How many tables a disk has. */
export function countTables(sizeBytes: number): number {
  return Math.ceil(sizeBytes / GRAIN_BYTES / ENTRIES_A_TABLE);
}

/** Entries of a table or a directory, in whole sectors. */
export function formatEntries(entries: Uint32Array): Buffer {
  const bytes = Buffer.alloc(Math.ceil((entries.length * 4) / SECTOR_BYTES) * SECTOR_BYTES);
  entries.forEach((entry, i) => void bytes.writeUInt32LE(entry, i * 4));
  return bytes;
}

const MARKERS = { end: 0, table: 1, directory: 2, footer: 3 } as const;

/** What stands before a part of a stream: one sector. */
export function formatMarker(kind: keyof typeof MARKERS, sectors: number): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.writeBigUInt64LE(BigInt(sectors), 0);
  sector.writeUInt32LE(MARKERS[kind], 12);
  return sector;
}

const GRAIN_HEAD_BYTES = 12;

/** A deflated grain with what a stream says of it: parts that make whole sectors. */
export function formatStreamGrain(grain: number, deflated: Buffer): Buffer[] {
  const head = Buffer.alloc(GRAIN_HEAD_BYTES);
  head.writeBigUInt64LE(BigInt(grain * GRAIN_SECTORS), 0);
  head.writeUInt32LE(deflated.length, 8);
  const over = (GRAIN_HEAD_BYTES + deflated.length) % SECTOR_BYTES;
  return [head, deflated, Buffer.alloc(over === 0 ? 0 : SECTOR_BYTES - over)];
}
