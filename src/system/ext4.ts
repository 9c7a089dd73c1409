import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { FileEdit } from "../model/file-edit.ts";
import { isGuestPath } from "../model/file-edit.ts";
import { runWithRawView } from "./disk-image.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { CommandError } from "./process.ts";

/** Where a file system stands in a disk. */
export interface Extent {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * Makes an ext4 with a tree's content at a place of a raw disk, without mounting anything. The checksum seed is stored,
 * so that the UUID can be changed later in one place.
 *
 * @throws tree-too-large, disk-full
 * @see https://manpages.debian.org/mke2fs
 */
export async function makeExt4(
  disk: string,
  extent: Extent,
  uuid: string,
  tree: string,
  signal: AbortSignal,
): Promise<void> {
  const extended = `offset=${extent.offsetBytes},nodiscard,lazy_itable_init=1,lazy_journal_init=1,hash_seed=${uuid},root_owner=0:0`;
  const argv = [
    "mke2fs",
    "-q",
    "-F",
    "-t",
    "ext4",
    "-O",
    "metadata_csum_seed",
    "-m",
    "1",
    "-U",
    uuid,
    "-E",
    extended,
    "-d",
    tree,
    disk,
    `${extent.sizeBytes / 1024}K`,
  ];
  try {
    await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
  } catch (error) {
    if (error instanceof CommandError && /Could not allocate (?:block|inode)/.test(error.stderr)) {
      throw new VmbuilderError("tree-too-large", "the system does not fit into the root file system", {
        hint: "raise --rootsize",
        cause: error,
      });
    }
    throw error;
  }
}

/** tune2fs comes last: it also brings the backup superblocks in line, or the first boot would check all of the disk. */
const EDIT = 'debugfs -w -f "$1" "$2" && tune2fs -U "$3" "$2"';

/**
 * Changes files of an ext4 inside a qcow2, and its UUID, without mounting it. Links inside the file system are never
 * followed out of it.
 *
 * @see https://manpages.debian.org/debugfs
 */
export async function editExt4(
  image: string,
  extent: Extent,
  uuid: string,
  edits: readonly FileEdit[],
  atSeconds: number,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const lines = [`set_current_time @${atSeconds}`];
  for (const [i, edit] of edits.entries()) lines.push(...(await debugfsCommands(edit, join(scratch, `edit-${i}`))));
  const script = join(scratch, "debugfs-commands");
  await writeFile(script, `${lines.join("\n")}\n`);
  await runWithRawView(
    image,
    scratch,
    (raw) => ["sh", "-c", EDIT, "sh", script, `${raw}?offset=${extent.offsetBytes}`, uuid],
    signal,
  );
}

async function debugfsCommands(edit: FileEdit, source: string): Promise<string[]> {
  if (!isGuestPath(edit.path)) throw new VmbuilderError("recipe-invalid", `"${edit.path}" cannot be a path in a guest`);
  const path = `"${edit.path}"`;
  switch (edit.kind) {
    case "remove":
      return [`rm ${path}`];
    case "directory":
      return [`mkdir ${path}`, ...ownership(path, 0o040000 | edit.mode, edit)];
    case "symlink":
      return [`rm ${path}`, `symlink ${path} "${edit.target}"`];
    case "file":
      await writeFile(source, edit.content, { mode: 0o600 });
      return [
        `rm ${path}`,
        `cd "${dirname(edit.path)}"`,
        `write "${source}" "${basename(edit.path)}"`,
        "cd /",
        ...ownership(path, 0o100000 | edit.mode, edit),
      ];
  }
}

function ownership(path: string, mode: number, { uid = 0, gid = 0 }: { uid?: number; gid?: number }): string[] {
  return [
    `set_inode_field ${path} mode 0${mode.toString(8)}`,
    `set_inode_field ${path} uid ${uid}`,
    `set_inode_field ${path} gid ${gid}`,
  ];
}
