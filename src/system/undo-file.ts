import { readFile } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";

/** A piece of a disk or file system. */
export interface Extent {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** A piece that a program has written, with what stood there before. */
export interface WrittenExtent {
  readonly offsetBytes: number;
  readonly former: Buffer;
}

const MAGIC = "E2UNDO02";
const KEYS_MAGIC = 0xcadecade;
const KEY_BYTES = 16;

/**
 * Reads the undo file that a program of e2fsprogs has kept (`-z`): which pieces of the file system it has written, in their
 * order. In that file, blocks of keys alternate with the former content of what their keys name.
 *
 * @see lib/ext2fs/undo_io.c of e2fsprogs
 */
export async function readUndoFile(path: string): Promise<WrittenExtent[]> {
  const bytes = await readFile(path);
  const corrupt = () => new VmbuilderError("command-failed", `${path} is no undo file of e2fsprogs`);
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) throw corrupt();
  const keyCount = Number(bytes.readBigUInt64LE(8));
  const blockBytes = bytes.readUInt32LE(32);
  const written: WrittenExtent[] = [];
  let next = Number(bytes.readBigUInt64LE(24)) * blockBytes;
  while (written.length < keyCount) {
    const keys = bytes.subarray(next, next + blockBytes);
    if (keys.length < blockBytes || keys.readUInt32LE(0) !== KEYS_MAGIC) throw corrupt();
    next += blockBytes;
    for (let at = KEY_BYTES; at < blockBytes && written.length < keyCount; at += KEY_BYTES) {
      const sizeBytes = keys.readUInt32LE(at + 12);
      const former = bytes.subarray(next, next + sizeBytes);
      if (former.length < sizeBytes) throw corrupt();
      written.push({ offsetBytes: Number(keys.readBigUInt64LE(at)) * blockBytes, former });
      next += Math.ceil(sizeBytes / blockBytes) * blockBytes;
    }
  }
  return written;
}
