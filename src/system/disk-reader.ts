import { type FileHandle, open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { fileError } from "./files.ts";

/** A disk image that is read by pieces of one size. Made by ourselves, that is: a foreign one is `qemu-img`'s business. */
export interface DiskReader {
  /** Reads a cluster into a buffer of {@link CLUSTER_BYTES}; zeros where the disk is empty or has ended. */
  read(cluster: number, into: Buffer): Promise<void>;
  close(): Promise<void>;
}

export const CLUSTER_BITS = 16;
export const CLUSTER_BYTES = 2 ** CLUSTER_BITS;

/** Opens a raw disk file. */
export async function openRaw(path: string): Promise<DiskReader> {
  const file = await openFile(path);
  const read: DiskReader["read"] = (cluster, into) => readInto(into, { file, path }, cluster * CLUSTER_BYTES);
  return { read, close: () => file.close() };
}

const MAGIC = 0x514649fb;
const HEADER_BYTES = 104;
const ENTRY_BYTES = 8;
const TABLE_ENTRIES = CLUSTER_BYTES / ENTRY_BYTES;
const MOST_TABLES = 2 ** 20;
/** Bits of a table's entry that are a place in the file; the others are flags. */
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
const READS_AS_ZEROS = 1n;

/**
 * Opens a qcow2 that `qemu-img convert` made from a raw disk: without backing file, compression, encryption, snapshots.
 *
 * @throws cache-corrupt for any other
 * @see https://www.qemu.org/docs/master/interop/qcow2.html
 */
export async function openQcow2(path: string): Promise<DiskReader> {
  const file = await openFile(path);
  const unusable = (why: string) =>
    new VmbuilderError("cache-corrupt", `${path} ${why}`, { hint: "run: vmbuilder cache verify" });
  try {
    const header = await readAt({ file, path }, 0, HEADER_BYTES);
    if (header.readUInt32BE(0) !== MAGIC || header.readUInt32BE(4) !== 3) throw unusable("is no qcow2 of version 3");
    const isPlain =
      header.readBigUInt64BE(8) === 0n && header.readUInt32BE(32) === 0 && header.readBigUInt64BE(72) === 0n;
    if (!isPlain) throw unusable("has a backing file or another feature that it should not have");
    const l1Entries = header.readUInt32BE(36);
    if (header.readUInt32BE(20) !== CLUSTER_BITS || l1Entries > MOST_TABLES) throw unusable("has unusual sizes");
    const l1 = await readAt({ file, path }, Number(header.readBigUInt64BE(40)), l1Entries * ENTRY_BYTES);
    const tables = new Map<number, Promise<Buffer>>();
    const table = async (index: number): Promise<Buffer | undefined> => {
      const offset = index < l1Entries ? Number(l1.readBigUInt64BE(index * ENTRY_BYTES) & OFFSET_MASK) : 0;
      if (offset === 0) return undefined;
      const known = tables.get(index) ?? readAt({ file, path }, offset, CLUSTER_BYTES);
      tables.set(index, known);
      return known;
    };
    return {
      async read(cluster, into) {
        const entries = await table(Math.floor(cluster / TABLE_ENTRIES));
        const entry = entries?.readBigUInt64BE((cluster % TABLE_ENTRIES) * ENTRY_BYTES) ?? 0n;
        if (entry & COMPRESSED) throw unusable("is compressed");
        const offset = entry & READS_AS_ZEROS ? 0 : Number(entry & OFFSET_MASK);
        if (offset === 0) into.fill(0);
        else await readInto(into, { file, path }, offset);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  return open(path, "r").catch((error: unknown) => {
    throw fileError(error, path);
  });
}

/** An open image, and its name for messages. */
interface NamedFile {
  readonly file: FileHandle;
  readonly path: string;
}

async function readAt(from: NamedFile, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await readInto(bytes, from, offset);
  return bytes;
}

/** Bytes behind the end of the file are zeros. @throws image-refused for a place that no file has */
async function readInto(bytes: Buffer, { file, path }: NamedFile, offset: number): Promise<void> {
  if (offset > Number.MAX_SAFE_INTEGER - bytes.length)
    throw new VmbuilderError("image-refused", `${path} is damaged: it points to a place behind the end of every file`, {
      hint: "build or fetch it anew",
    });
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
  bytes.fill(0, bytesRead);
}

/**
 * Where an image of ours holds its clusters: bytes from the file's start, by the cluster's number.
 *
 * @throws cache-corrupt
 */
export async function readPlaces(file: FileHandle, path: string): Promise<Map<number, number>> {
  const unusable = () =>
    new VmbuilderError("cache-corrupt", `${path} is damaged`, { hint: "run: vmbuilder cache verify" });
  const header = await readAt({ file, path }, 0, HEADER_BYTES);
  const l1Entries = header.readUInt32BE(36);
  if (header.readUInt32BE(0) !== MAGIC || header.readUInt32BE(20) !== CLUSTER_BITS || l1Entries > MOST_TABLES)
    throw unusable();
  const l1 = await readAt({ file, path }, Number(header.readBigUInt64BE(40)), l1Entries * ENTRY_BYTES);
  const places = new Map<number, number>();
  for (let index = 0; index < l1Entries; index++) {
    const offset = Number(l1.readBigUInt64BE(index * ENTRY_BYTES) & OFFSET_MASK);
    if (offset === 0) continue;
    const table = await readAt({ file, path }, offset, CLUSTER_BYTES);
    for (let row = 0; row < TABLE_ENTRIES; row++) {
      const place = Number(table.readBigUInt64BE(row * ENTRY_BYTES) & OFFSET_MASK);
      if (place !== 0) places.set(index * TABLE_ENTRIES + row, place);
    }
  }
  return places;
}
