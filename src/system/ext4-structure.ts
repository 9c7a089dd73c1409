import { mkdir, open, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./process.ts";
import type { Extent, WrittenExtent } from "./undo-file.ts";

/**
 * The structure of a file system: superblocks, bitmaps, inodes, folders, without the files' content. That is all that it
 * takes to change files, and a fiftieth of the disk.
 */
export interface Structure {
  /** A tar with one sparse file. */
  readonly archive: string;
  /** Where an unpacked one may lie ready; whoever moves it away has it alone. */
  readonly ready: string;
}

/** Name of the archive's file: a file system. */
export const STRUCTURE_MEMBER = "root.ext4";

/**
 * Reads the structure of a file system, which may change as soon as that is done. `packed` puts it into its archive, and lays it
 * ready for the first who wants to change it; it must be awaited before anybody does.
 *
 * @see https://manpages.debian.org/e2image
 */
export async function readStructure(
  disk: string,
  extent: Extent,
  { archive, ready }: Structure,
  signal: AbortSignal,
): Promise<{ packed: () => Promise<void> }> {
  const folder = `${archive}.new`;
  const raw = join(folder, STRUCTURE_MEMBER);
  await mkdir(folder);
  await run(["e2image", "-r", "-o", String(extent.offsetBytes), disk, raw], { signal });
  return {
    async packed() {
      await packStructure(folder, { archive, ready }, signal);
      await rmdir(folder);
    },
  };
}

/** Puts a structure that lies in a folder into its archive, and lays it ready. */
export async function packStructure(folder: string, { archive, ready }: Structure, signal: AbortSignal): Promise<void> {
  await run(["tar", "--create", "--sparse", `--file=${archive}`, "-C", folder, STRUCTURE_MEMBER], { signal });
  await rename(join(folder, STRUCTURE_MEMBER), ready);
}

/** Puts a structure that may be changed into a folder: the one that lies ready, or a new one. */
export async function takeStructure({ archive, ready }: Structure, folder: string, signal: AbortSignal): Promise<void> {
  const taken = await rename(ready, join(folder, STRUCTURE_MEMBER)).then(
    () => true,
    () => false, // another has it, or nobody was here before
  );
  if (!taken) await run(["tar", "--extract", `--file=${archive}`, "-C", folder], { signal });
}

/** Makes a taken structure what it was, by the undo files of the programs that changed it, and lays it ready for the next. */
export async function returnStructure(
  { ready }: Structure,
  folder: string,
  written: readonly WrittenExtent[],
): Promise<void> {
  const path = join(folder, STRUCTURE_MEMBER);
  const file = await open(path, "r+");
  try {
    for (const { offsetBytes, former } of written.toReversed()) await file.write(former, 0, former.length, offsetBytes);
  } finally {
    await file.close();
  }
  await rename(path, ready).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EXDEV") throw error; // on another file system, it isn't worth copying: the next one unpacks it
  });
}
