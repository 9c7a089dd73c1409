import { open, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { CommandError, run } from "./process.ts";
import type { Extent } from "./undo-file.ts";

/** Bytes to write at a place of a disk. */
export interface DiskPatch {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

/** Makes an empty sparse file of a size. */
export async function makeSparseFile(path: string, sizeBytes: number, mode = 0o600): Promise<void> {
  const file = await open(path, "w", mode);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

/** Writes bytes into a raw disk file. */
export async function patchRaw(path: string, patches: readonly DiskPatch[]): Promise<void> {
  const file = await open(path, "r+");
  try {
    for (const { offsetBytes, bytes } of patches) await file.write(bytes, 0, bytes.length, offsetBytes);
  } finally {
    await file.close();
  }
}

/** Converts an image whose format is known; a backing file is resolved. Sparse stays sparse. It is written in order (no `-W`), so that the same disk gives the same bytes. */
export async function convertImage(
  source: string,
  from: string,
  target: string,
  to: string,
  options: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await run(["qemu-img", "convert", "-f", from, "-O", to, "-m", "8", ...options, source, target], { signal }).catch(
    async (cause: unknown) => {
      if (signal.aborted || !(cause instanceof CommandError)) throw cause;
      throw cause.code === "disk-full" || (await isFull(dirname(target))) ? fullDisk(target, cause) : cause;
    },
  );
}

/** qemu-img does not always say so: its writer of streamOptimized VMDKs calls a full disk an invalid argument. */
async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < 64 * 1024;
}

function fullDisk(target: string, cause: unknown): VmbuilderError {
  const isTemporary = (path: string) => /^\..*\.part$/.test(basename(path));
  const folder = isTemporary(dirname(target)) ? dirname(dirname(target)) : dirname(target);
  return new VmbuilderError("disk-full", `no space left in ${folder} to write ${basename(target, ".tmp")}`, {
    hint: "free some space, or choose another --dest",
    cause,
  });
}

/** Where a raw file holds data; the rest is holes or zeros. qemu-img writes an extent a line. */
export async function listData(path: string, signal: AbortSignal): Promise<Extent[]> {
  const extents: Extent[] = [];
  const onLine = (line: string) => {
    const found = /"start": (\d+), "length": (\d+).*"data": true/.exec(line);
    if (found) extents.push({ offsetBytes: Number(found[1]), sizeBytes: Number(found[2]) });
  };
  await run(["qemu-img", "map", "--output=json", "-f", "raw", path], { signal, onLine });
  return extents;
}
