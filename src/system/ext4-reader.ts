import { VmbuilderError } from "../model/errors.ts";
import type { DiskBytes } from "./disk-bytes.ts";

/** A file of any kind, as its inode says. */
export interface Ext4Inode {
  readonly number: number;
  readonly type: "file" | "directory" | "symlink" | "device" | "other";
  /** Permissions, with the bits for set-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** A device's numbers, or a short link's target. */
  readonly inline: Buffer;
  readonly isMapped: boolean;
}

/** Successive blocks of a file; those of a hole, or never written, have no place. */
export interface Ext4Run {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly place: number;
}

/** An ext4 file system that is read without the kernel, and never written. */
export interface Ext4Reader {
  readonly uuid: string;
  readonly blockBytes: number;
  readonly root: number;
  inode(number: number): Promise<Ext4Inode>;
  /** Names in a folder, without `.` and `..`. */
  list(folder: Ext4Inode): Promise<{ name: string; inode: number }[]>;
  runs(file: Ext4Inode): Promise<Ext4Run[]>;
  /** The bytes of a run's part. */
  readRun(run: Ext4Run, fromBlock: number, blocks: number): Promise<Buffer>;
  /** A small file's content, or a link's target. */
  read(file: Ext4Inode, limitBytes: number): Promise<Buffer>;
}

const SUPERBLOCK_AT = 1024;
const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;
const ROOT_INODE = 2;
const HAS_64_BIT = 0x80;
/** filetype, needs recovery, extents, 64 bit, MMP, flexible groups, checksum seed, large folders. */
const UNDERSTOOD = 0x2 | 0x4 | 0x40 | HAS_64_BIT | 0x100 | 0x200 | 0x2000 | 0x4000;
const EXTENTS = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const EXTENT_BYTES = 12;
const DEEPEST_TREE = 5;
const UNWRITTEN = 32768;
const LARGEST_FOLDER_BYTES = 512 * 1024 * 1024;
const TYPES: Readonly<Record<number, Ext4Inode["type"]>> = {
  8: "file",
  4: "directory",
  10: "symlink",
  2: "device",
  6: "device",
};

/**
 * Opens the ext4 file system at a place of a disk.
 *
 * @returns undefined when there is none
 * @throws image-refused for one that is damaged, or has features that are not understood
 * @see https://docs.kernel.org/filesystems/ext4/
 */
export async function openExt4(disk: DiskBytes, offsetBytes: number): Promise<Ext4Reader | undefined> {
  const head = await disk.read(offsetBytes + SUPERBLOCK_AT, SUPERBLOCK_BYTES);
  if (head.readUInt16LE(56) !== MAGIC) return undefined;
  const unknown = head.readUInt32LE(96) & ~UNDERSTOOD;
  if (unknown !== 0) throw refused(`has features (${unknown.toString(16)}) that are not understood`);
  const logSize = head.readUInt32LE(24);
  const inodeBytes = head.readUInt16LE(88);
  const inodesPerGroup = head.readUInt32LE(40);
  if (logSize > 6 || inodesPerGroup === 0 || inodeBytes < 128) throw refused("has impossible sizes");
  const blockBytes = 1024 << logSize;
  const isWide = (head.readUInt32LE(96) & HAS_64_BIT) !== 0;
  const descriptorBytes = isWide ? Math.max(64, head.readUInt16LE(254)) : 32;
  const descriptorsAt = (head.readUInt32LE(20) + 1) * blockBytes;
  const inodeCount = head.readUInt32LE(0);
  const at = (place: number, length: number) => disk.read(offsetBytes + place, length);
  const readBlock = (block: number) => at(block * blockBytes, blockBytes);

  const readRun: Ext4Reader["readRun"] = async ({ place }, fromBlock, blocks) =>
    at((place + fromBlock) * blockBytes, blocks * blockBytes);
  const reader: Ext4Reader = {
    uuid: head.toString("hex", 104, 120).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    blockBytes,
    root: ROOT_INODE,
    async inode(number) {
      if (number < 1 || number > inodeCount) throw refused(`names an inode ${number} that it doesn't have`);
      const group = Math.floor((number - 1) / inodesPerGroup);
      const descriptor = await at(descriptorsAt + group * descriptorBytes, descriptorBytes);
      const table = descriptor.readUInt32LE(8) + (isWide ? descriptor.readUInt32LE(40) * 2 ** 32 : 0);
      return parseInode(number, await at(table * blockBytes + ((number - 1) % inodesPerGroup) * inodeBytes, 128));
    },
    async list(folder) {
      if (folder.sizeBytes > LARGEST_FOLDER_BYTES) throw refused("has a folder of impossible size");
      const names: { name: string; inode: number }[] = [];
      for (const run of within(await reader.runs(folder), folder.sizeBytes, blockBytes))
        for (let block = 0; block < run.blocks; block++) names.push(...parseFolder(await readRun(run, block, 1)));
      return names;
    },
    async runs(file) {
      if (!file.isMapped) {
        if (file.sizeBytes === 0 || file.inline.every((byte) => byte === 0)) return [];
        throw refused("maps blocks as ext3 did");
      }
      return parseExtents(file.inline, readBlock, DEEPEST_TREE, [0, 2 ** 32]);
    },
    readRun,
    async read(file, limitBytes) {
      if (file.type === "symlink" && !file.isMapped) return file.inline.subarray(0, Math.min(file.sizeBytes, 60));
      if (file.sizeBytes > limitBytes) throw refused("has a file that is larger than it can be");
      const content = Buffer.alloc(file.sizeBytes);
      for (const run of within(await reader.runs(file), file.sizeBytes, blockBytes))
        (await readRun(run, 0, run.blocks)).copy(content, run.firstBlock * blockBytes);
      return content;
    },
  };
  return reader;
}

function parseInode(number: number, bytes: Buffer): Ext4Inode {
  const mode = bytes.readUInt16LE(0);
  return {
    number,
    type: TYPES[mode >> 12] ?? "other",
    mode: mode & 0o7777,
    uid: bytes.readUInt16LE(2) + bytes.readUInt16LE(120) * 2 ** 16,
    gid: bytes.readUInt16LE(24) + bytes.readUInt16LE(122) * 2 ** 16,
    sizeBytes: bytes.readUInt32LE(4) + bytes.readUInt32LE(108) * 2 ** 32,
    inline: Buffer.from(bytes.subarray(40, 100)),
    isMapped: (bytes.readUInt32LE(32) & EXTENTS) !== 0,
  };
}

/** Entries of a block of a folder; the inner blocks of an indexed one look like a single unused entry. */
function parseFolder(block: Buffer): { name: string; inode: number }[] {
  const names: { name: string; inode: number }[] = [];
  for (let at = 0; at + 8 <= block.length; ) {
    const inode = block.readUInt32LE(at);
    const length = block.readUInt16LE(at + 4);
    const nameEnd = at + 8 + block.readUInt8(at + 6);
    if (length < 8 || at + length > block.length || nameEnd > at + length) throw refused("has a damaged folder");
    const name = block.toString("utf8", at + 8, nameEnd);
    if (inode !== 0 && name !== "." && name !== "..") names.push({ name, inode });
    at += length;
  }
  return names;
}

/**
 * Runs in the order of their blocks, which is how they stand. Each node of the tree has a range of blocks of its own: no map can
 * lead to a node twice.
 */
async function parseExtents(
  node: Buffer,
  readBlock: (block: number) => Promise<Buffer>,
  levelsLeft: number,
  [start, end]: readonly [number, number],
): Promise<Ext4Run[]> {
  const count = node.readUInt16LE(2);
  const depth = node.readUInt16LE(6);
  const isDamaged = node.readUInt16LE(0) !== EXTENT_MAGIC || (count + 1) * EXTENT_BYTES > node.length;
  if (isDamaged || depth > levelsLeft || (count === 0 && depth > 0)) throw damagedMap();
  const runs: Ext4Run[] = [];
  let free = start;
  for (let index = 1; index <= count; index++) {
    const at = index * EXTENT_BYTES;
    const firstBlock = node.readUInt32LE(at);
    const next = index < count ? node.readUInt32LE(at + EXTENT_BYTES) : end;
    if (firstBlock < free || next <= firstBlock) throw damagedMap();
    if (depth > 0) {
      const below = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
      for (const run of await parseExtents(await readBlock(below), readBlock, depth - 1, [firstBlock, next]))
        runs.push(run);
      free = next;
      continue;
    }
    const length = node.readUInt16LE(at + 4);
    const blocks = length > UNWRITTEN ? length - UNWRITTEN : length;
    free = firstBlock + blocks;
    if (free > end) throw damagedMap();
    if (length > UNWRITTEN) continue; // reads as zeros
    const place = node.readUInt32LE(at + 8) + node.readUInt16LE(at + 6) * 2 ** 32;
    runs.push({ firstBlock, blocks, place });
  }
  return runs;
}

/** Runs, or their parts, that lie within a file's size. */
function within(runs: readonly Ext4Run[], sizeBytes: number, blockBytes: number): Ext4Run[] {
  const end = Math.ceil(sizeBytes / blockBytes);
  return runs
    .filter(({ firstBlock }) => firstBlock < end)
    .map((run) => ({ ...run, blocks: Math.min(run.blocks, end - run.firstBlock) }));
}

function damagedMap(): VmbuilderError {
  return refused("has a damaged map of blocks");
}

function refused(why: string): VmbuilderError {
  return new VmbuilderError("image-refused", `the disk's ext4 file system ${why}`, {
    hint: "check it with e2fsck in the machine",
  });
}
