import { basename, dirname } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { TreeEntry } from "./tree-listing.ts";
import type { Geometry } from "./xfs-inodes.ts";
import { standIn } from "./xfs-names.ts";

const [FORMAT_OFFSET, FLAGS_OFFSET, LITERAL_OFFSET] = [5, 120, 176];
/** Format of a fork that is a list of extents in the inode. */
const EXTENTS = 2;
/** The number of extents has 64 bits, and another place. */
const MANY_EXTENTS = 16n;
/** From here on a folder's blocks hold hashes, and no names. */
const LEAF_BYTES = 32n * 1024n ** 3n;

/** A name, and the one that stands in for it. */
export interface StandIn {
  readonly name: Buffer;
  readonly standIn: Buffer;
}

/** The names that a prototype couldn't hold, by the paths of their folders. */
export function standInsByFolder(entries: readonly TreeEntry[]): ReadonlyMap<string, readonly StandIn[]> {
  const byFolder = new Map<string, StandIn[]>();
  for (const { path } of entries) {
    const name = Buffer.from(basename(path));
    const other = standIn(name);
    if (other.equals(name)) continue;
    const folder = dirname(path);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), { name, standIn: other }]);
  }
  return byFolder;
}

/** Writes names over those that stand in for them. Says whether there was one. */
export function renameWithin(bytes: Buffer, names: readonly StandIn[]): boolean {
  let found = false;
  for (const one of names) {
    const at = bytes.indexOf(one.standIn);
    if (at === -1) continue;
    one.name.copy(bytes, at);
    found = true;
  }
  return found;
}

/** Where the blocks stand that hold a folder's names. @see XFS Algorithms & Data Structures, "Extent List" */
export function directoryBlocks(inode: Buffer, { blockBytes, groupBits, groupBlocks }: Geometry): number[] {
  if (inode.readUInt8(FORMAT_OFFSET) !== EXTENTS)
    throw new VmbuilderError(
      "storage-impossible",
      "a folder is too large for its odd names to be written into an xfs",
      {
        hint: "use ext4 or btrfs for this file system",
      },
    );
  const isMany = (inode.readBigUInt64BE(FLAGS_OFFSET) & MANY_EXTENTS) !== 0n;
  const count = isMany ? Number(inode.readBigUInt64BE(24)) : inode.readUInt32BE(76);
  return Array.from({ length: count }, (_, extent) => {
    const high = inode.readBigUInt64BE(LITERAL_OFFSET + extent * 16);
    const low = inode.readBigUInt64BE(LITERAL_OFFSET + extent * 16 + 8);
    const isNames = ((high >> 9n) & (2n ** 54n - 1n)) * BigInt(blockBytes) < LEAF_BYTES;
    const start = ((high & 0x1ffn) << 43n) | (low >> 21n);
    const blocks = isNames ? Number(low & 0x1f_ffffn) : 0;
    const group = Number(start >> BigInt(groupBits));
    const first = group * groupBlocks + Number(start & (2n ** BigInt(groupBits) - 1n));
    return Array.from({ length: blocks }, (_unused, block) => (first + block) * blockBytes);
  }).flat();
}
