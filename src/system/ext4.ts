import { VmbuilderError } from "../model/errors.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { CommandError } from "./process.ts";
import type { Extent } from "./undo-file.ts";

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
