import { posix } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { FileFacts } from "../model/file-diff.ts";
import type { DiskBytes } from "./disk-bytes.ts";
import { type Ext4Inode, type Ext4Reader, openExt4 } from "./ext4-reader.ts";
import { partitionOffsets } from "./partition-reader.ts";

/** A file on a machine's disk. */
export interface DiskFile extends FileFacts {
  readonly system: Ext4Reader;
  readonly inode: Ext4Inode;
}

/** The files of a machine by absolute path, mount points included. */
export type DiskTree = ReadonlyMap<string, DiskFile>;

const LARGEST_TARGET_BYTES = 4096;
const LARGEST_FSTAB_BYTES = 1024 * 1024;

/**
 * Reads what a machine's disks hold: its root file system, and others where fstab(5) mounts them by UUID. Only ext4 in
 * partitions is read.
 *
 * @throws image-refused when there is no root file system
 */
export async function readDiskTree(disks: readonly DiskBytes[], name: string, signal: AbortSignal): Promise<DiskTree> {
  const systems = (await Promise.all(disks.map(fileSystemsOf))).flat();
  const roots = await Promise.all(systems.map(isRoot));
  const root = systems.find((_, index) => roots[index]);
  if (!root)
    throw new VmbuilderError("image-refused", `${name} has no root file system that can be read`, {
      hint: "only ext4 in partitions is read; --packages compares packages alone",
    });
  const tree = new Map<string, DiskFile>();
  await walk(root, "/", tree, signal);
  for (const { uuid, mount } of await mounts(tree)) {
    const system = systems.find((one) => one !== root && one.uuid === uuid);
    if (system) await walk(system, mount, tree, signal);
  }
  return tree;
}

/** A small text file of a tree; undefined when there is none. */
export async function readDiskFile(tree: DiskTree, path: string, limitBytes: number): Promise<string | undefined> {
  const file = tree.get(path);
  return file?.type === "file" ? (await file.system.read(file.inode, limitBytes)).toString("utf8") : undefined;
}

async function fileSystemsOf(disk: DiskBytes): Promise<Ext4Reader[]> {
  const places = await partitionOffsets(disk);
  const found = await Promise.all((places.length > 0 ? places : [0]).map((place) => openExt4(disk, place)));
  return found.filter((system) => system !== undefined);
}

async function isRoot(system: Ext4Reader): Promise<boolean> {
  const names = (await system.list(await system.inode(system.root))).map(({ name }) => name);
  return ["etc", "usr", "var"].every((name) => names.includes(name));
}

async function mounts(tree: DiskTree): Promise<{ uuid: string; mount: string }[]> {
  const text = (await readDiskFile(tree, "/etc/fstab", LARGEST_FSTAB_BYTES)) ?? "";
  const lines = [...text.matchAll(/^UUID=(\S+)\s+(\/\S+)\s/gm)];
  return lines
    .map(([, uuid = "", mount = ""]) => ({ uuid: uuid.toLowerCase(), mount: posix.normalize(mount) }))
    .sort((a, b) => a.mount.length - b.mount.length);
}

async function walk(system: Ext4Reader, top: string, tree: Map<string, DiskFile>, signal: AbortSignal): Promise<void> {
  const seen = new Set<number>();
  const open = [{ path: top, inode: await system.inode(system.root) }];
  for (let folder = open.pop(); folder; folder = open.pop()) {
    signal.throwIfAborted();
    if (seen.has(folder.inode.number))
      throw new VmbuilderError("image-refused", `the disk's ext4 file system has ${folder.path} in two folders`);
    seen.add(folder.inode.number);
    tree.set(folder.path, await describe(system, folder.inode));
    for (const entry of await system.list(folder.inode)) {
      const path = posix.join(folder.path, entry.name);
      const inode = await system.inode(entry.inode);
      if (inode.type === "directory") open.push({ path, inode });
      else tree.set(path, await describe(system, inode));
    }
  }
}

async function describe(system: Ext4Reader, inode: Ext4Inode): Promise<DiskFile> {
  const { type, mode, uid, gid, sizeBytes } = inode;
  const isLink = type === "symlink";
  const target = isLink ? (await system.read(inode, LARGEST_TARGET_BYTES)).toString("utf8") : deviceNumbers(inode);
  // how many blocks a folder has says what it once held
  return { system, inode, type, mode, uid, gid, sizeBytes: type === "file" ? sizeBytes : 0, target };
}

function deviceNumbers({ type, inline }: Ext4Inode): string {
  return type === "device" ? inline.toString("hex", 0, 8) : "";
}

const PIECE_BYTES = 1024 * 1024;

/** Compares two files of the same size byte by byte; what was never written reads as zeros, and isn't looked at in both. */
export async function hasSameContent(a: DiskFile, b: DiskFile): Promise<boolean> {
  const [one, other] = await Promise.all([contentOf(a), contentOf(b)]);
  for (let at = 0; at < a.sizeBytes; ) {
    const start = Math.min(one.nextDataAt(at), other.nextDataAt(at), a.sizeBytes);
    const length = Math.min(PIECE_BYTES, a.sizeBytes - start);
    if (length <= 0) return true;
    const [left, right] = await Promise.all([one.read(start, length), other.read(start, length)]);
    if (!left.equals(right)) return false;
    at = start + length;
  }
  return true;
}

async function contentOf({ system, inode }: DiskFile) {
  const { blockBytes } = system;
  const runs = await system.runs(inode);
  return {
    nextDataAt(at: number): number {
      const block = Math.floor(at / blockBytes);
      const run = runs.find(({ firstBlock, blocks }) => firstBlock + blocks > block);
      return run ? Math.max(at, run.firstBlock * blockBytes) : Number.POSITIVE_INFINITY;
    },
    async read(at: number, length: number): Promise<Buffer> {
      const bytes = Buffer.alloc(length);
      const [first, end] = [Math.floor(at / blockBytes), Math.ceil((at + length) / blockBytes)];
      for (const run of runs) {
        const from = Math.max(run.firstBlock, first);
        const to = Math.min(run.firstBlock + run.blocks, end);
        if (from >= to) continue;
        const piece = await system.readRun(run, from - run.firstBlock, to - from);
        const skipped = Math.max(0, at - from * blockBytes);
        piece.copy(bytes, from * blockBytes + skipped - at, skipped);
      }
      return bytes;
    },
  };
}
