import { type FileHandle, open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { crc32c } from "./crc32c.ts";
import type { TreeEntry } from "./tree-listing.ts";
import { directoryBlocks, renameWithin, type StandIn, standInsByFolder } from "./xfs-directories.ts";

const INODE_MAGIC = 0x494e;
const CHUNK_INODES = 64;
const BTREE_HEADER_BYTES = 56;
const NO_BLOCK = 0xffff_ffff;
const LITERAL_OFFSET = 176;
const [INODE_CRC, SUPERBLOCK_CRC, DIRECTORY_CRC] = [100, 224, 4];
/** The superblock says that there are extended attributes. */
const HAS_ATTRIBUTES = 0x10;
const BIG_TIME = 8n;
/** Format of a fork that stands in the inode itself. */
const LOCAL = 1;
/** Namespaces of attributes. */
const SECURE = 4;

/** Sizes that a superblock names. */
export interface Geometry {
  readonly blockBytes: number;
  /** Bits of a block's number that count within its group. */
  readonly groupBits: number;
  readonly groupBlocks: number;
  readonly groups: number;
  readonly inodeBytes: number;
  readonly blockInodes: number;
  readonly sectorBytes: number;
}

/**
 * Gives the files of a new XFS what its prototype could not say: owner, all of the mode, time stamps, file capabilities.
 * The inodes bear their index in the list as their owner.
 *
 * @param image a file that holds the file system
 * @param atSeconds when the file system was made, in the place of now
 * @see XFS Algorithms & Data Structures, "On-disk Inode" and "Inode B+trees"
 */
export async function settleInodes(image: string, entries: readonly TreeEntry[], atSeconds: number): Promise<void> {
  const file = await open(image, "r+");
  try {
    const geometry = await readGeometry(file);
    const renamed = standInsByFolder(entries);
    const seen = new Set<number>();
    for (let group = 0; group < geometry.groups; group++) {
      for await (const { offsetBytes, bytes } of inodeChunks(file, geometry, group)) {
        for (let at = 0; at < bytes.length; at += geometry.inodeBytes) {
          const inode = bytes.subarray(at, at + geometry.inodeBytes);
          const index = inode.readUInt32BE(8);
          const entry = entries[index];
          if (inode.readUInt16BE(0) !== INODE_MAGIC || inode.readUInt16BE(2) === 0 || seen.has(index)) continue;
          if (index === 0 && !isDirectory(inode)) continue; // the file system's own
          if (!entry) throw corrupt(image);
          const names = renamed.get(entry.path) ?? [];
          if (names.length > 0) await giveNames(file, geometry, inode, names);
          settle(inode, entry, index, atSeconds);
          seen.add(index);
        }
        await file.write(bytes, 0, bytes.length, offsetBytes);
      }
    }
    if (seen.size !== entries.length) throw corrupt(image);
    if (entries.some(({ xattrs }) => xattrs.has("security.capability"))) await announceAttributes(file, geometry);
  } finally {
    await file.close();
  }
}

/** Gives files their names, in the place of those that stood in for them. */
async function giveNames(file: FileHandle, geometry: Geometry, folder: Buffer, names: readonly StandIn[]) {
  if (folder.readUInt8(5) === LOCAL) {
    renameWithin(folder, names);
    return;
  }
  for (const offsetBytes of directoryBlocks(folder, geometry)) {
    const { buffer } = await file.read(Buffer.alloc(geometry.blockBytes), 0, geometry.blockBytes, offsetBytes);
    if (!renameWithin(buffer, names)) continue;
    seal(buffer, DIRECTORY_CRC);
    await file.write(buffer, 0, buffer.length, offsetBytes);
  }
}

function corrupt(image: string): VmbuilderError {
  return new VmbuilderError("command-failed", `${image} is not the file system that mkfs.xfs was asked for`);
}

function isDirectory(inode: Buffer): boolean {
  return (inode.readUInt16BE(2) & 0o170000) === 0o040000;
}

async function readGeometry(file: FileHandle): Promise<Geometry> {
  const { buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return {
    blockBytes: buffer.readUInt32BE(4),
    groupBits: buffer.readUInt8(124),
    groupBlocks: buffer.readUInt32BE(84),
    groups: buffer.readUInt32BE(88),
    sectorBytes: buffer.readUInt16BE(102),
    inodeBytes: buffer.readUInt16BE(104),
    blockInodes: buffer.readUInt16BE(106),
  };
}

/** Follows a group's tree of inodes to its first leaf, and then from leaf to leaf. */
async function* inodeChunks(file: FileHandle, geometry: Geometry, group: number) {
  const { blockBytes, groupBlocks, inodeBytes, blockInodes, sectorBytes } = geometry;
  const groupOffset = group * groupBlocks * blockBytes;
  const read = async (offsetBytes: number, length: number) =>
    (await file.read(Buffer.alloc(length), 0, length, offsetBytes)).buffer;
  const block = (number: number) => read(groupOffset + number * blockBytes, blockBytes);
  const header = await read(groupOffset + 2 * sectorBytes, sectorBytes);
  let node = await block(header.readUInt32BE(20));
  while (node.readUInt16BE(4) > 0) {
    const mostKeys = Math.floor((blockBytes - BTREE_HEADER_BYTES) / 8);
    node = await block(node.readUInt32BE(BTREE_HEADER_BYTES + mostKeys * 4));
  }
  for (;;) {
    for (let record = 0; record < node.readUInt16BE(6); record++) {
      const at = BTREE_HEADER_BYTES + record * 16;
      const first = node.readUInt32BE(at);
      const holes = node.readUInt16BE(at + 4); // each bit: four inodes that aren't there
      for (let some = 0; some < CHUNK_INODES / 4; some++) {
        if (holes & (1 << some)) continue;
        const inode = first + some * 4;
        const inBlock = (inode % blockInodes) * inodeBytes;
        const offsetBytes = groupOffset + Math.floor(inode / blockInodes) * blockBytes + inBlock;
        yield { offsetBytes, bytes: await read(offsetBytes, 4 * inodeBytes) };
      }
    }
    const next = node.readUInt32BE(12);
    if (next === NO_BLOCK) return;
    node = await block(next);
  }
}

function settle(inode: Buffer, entry: TreeEntry, index: number, atSeconds: number): void {
  const permissions = entry.type === "symlink" ? 0o777 : entry.mode & 0o7777;
  inode.writeUInt16BE((inode.readUInt16BE(2) & 0o170000) | permissions, 2);
  inode.writeUInt32BE(entry.uid, 8);
  inode.writeUInt32BE(entry.gid, 12);
  inode.writeUInt32BE(index, 92); // its generation, else random
  for (const [at, seconds] of [
    [32, entry.mtimeSeconds],
    [40, entry.mtimeSeconds],
    [48, atSeconds],
    [144, atSeconds],
  ] as const)
    writeTime(inode, at, seconds);
  const capability = entry.xattrs.get("security.capability");
  if (capability) addAttribute(inode, "capability", capability, entry.path);
  seal(inode, INODE_CRC);
}

function writeTime(inode: Buffer, at: number, seconds: number): void {
  const whole = Math.floor(seconds);
  const nanoseconds = Math.round((seconds - whole) * 1e9);
  if (inode.readBigUInt64BE(120) & BIG_TIME) {
    inode.writeBigUInt64BE((BigInt(whole) + 2n ** 31n) * 1_000_000_000n + BigInt(nanoseconds), at);
    return;
  }
  inode.writeInt32BE(whole, at);
  inode.writeInt32BE(nanoseconds, at + 4);
}

/** An attribute fork at the inode's end. */
function addAttribute(inode: Buffer, name: string, value: Buffer, path: string): void {
  const text = Buffer.from(name);
  const sizeBytes = 4 + 3 + text.length + value.length;
  const forkOffset = Math.floor((inode.length - LITERAL_OFFSET - sizeBytes) / 8) * 8;
  const used = inode.subarray(LITERAL_OFFSET + forkOffset);
  if (used.some((byte) => byte !== 0))
    throw new VmbuilderError("storage-impossible", `xfs has no room for the capabilities of /${path}`);
  used.writeUInt16BE(sizeBytes, 0);
  used.set([1, 0, text.length, value.length, SECURE], 2);
  text.copy(used, 7);
  value.copy(used, 7 + text.length);
  inode.writeUInt8(forkOffset / 8, 82);
  inode.writeUInt8(LOCAL, 83);
}

async function announceAttributes(file: FileHandle, geometry: Geometry): Promise<void> {
  for (let group = 0; group < geometry.groups; group++) {
    const at = group * geometry.groupBlocks * geometry.blockBytes;
    const { buffer } = await file.read(Buffer.alloc(geometry.sectorBytes), 0, geometry.sectorBytes, at);
    buffer.writeUInt16BE(buffer.readUInt16BE(100) | HAS_ATTRIBUTES, 100);
    seal(buffer, SUPERBLOCK_CRC);
    await file.write(buffer, 0, buffer.length, at);
  }
}

/** Writes a checksum, which is that of the bytes with zeros in its place. */
function seal(bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(0, at);
  bytes.writeUInt32LE(crc32c(bytes), at);
}
