import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskBytes } from "./disk-bytes.ts";
import { readContent } from "./disk-identity.ts";
import type { DiskPatch } from "./disk-image.ts";
import { openRaw } from "./disk-reader.ts";
import { openExt4 } from "./ext4-reader.ts";
import { STRUCTURE_MEMBER } from "./ext4-structure.ts";
import { layerCommands } from "./layer-commands.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { ATTRIBUTES } from "./tree-archive.ts";
import { listTree } from "./tree-listing.ts";
import { readUndoFile } from "./undo-file.ts";

const UNDO_FILE = "growth.undo";
/** Other attributes of a user's count, too: a file that has some can't be written. */
const ALL_ATTRIBUTES = [...ATTRIBUTES, "--xattrs-include=user.*"];
/** What debugfs says when all goes well: its version, and that there is an undo file. */
const EXPECTED = /^(debugfs \d|Overwriting existing|\s*e2undo |\s*$)/;
const GROW = 'cd "$1" && exec debugfs -w -z "$2" -f commands "$3" >/dev/null';

/**
 * Writes a layer of a tree into the structure of the file system that holds the tree without it. The files' new content comes to
 * lie in that structure, too.
 *
 * @param changes folder of the layer
 * @param folder holds the structure, see {@link takeStructure}, and what is needed meanwhile
 * @param atSeconds time stamp of inodes
 * @returns what was written, by its place in the file system; undefined when debugfs can't do it: the structure is of no use then
 * @see https://manpages.debian.org/debugfs
 */
export async function growExt4(
  changes: string,
  folder: string,
  atSeconds: number,
  signal: AbortSignal,
): Promise<DiskPatch[] | undefined> {
  const path = join(folder, STRUCTURE_MEMBER);
  const entries = await listTree(changes, signal, ALL_ATTRIBUTES);
  const disk = await openRaw(path);
  try {
    const fileSystem = await openExt4(diskBytes(disk), 0).catch(() => undefined); // features that only debugfs knows
    const commands = fileSystem && (await layerCommands(entries, changes, fileSystem));
    if (!commands) return undefined;
    await writeFile(join(folder, "commands"), [`set_current_time @${atSeconds}`, ...commands, ""].join("\n"));
  } finally {
    await disk.close();
  }
  const argv = ["sh", "-c", GROW, "sh", folder, UNDO_FILE, STRUCTURE_MEMBER];
  const { stderr } = await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
  if (!stderr.split("\n").every((line) => EXPECTED.test(line))) return undefined;
  return readContent(path, await readUndoFile(join(folder, UNDO_FILE)));
}
