import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { CommandError, DIE_WITH_US } from "./process.ts";

/** Where layers are shown, with the lowest of each. */
const shown = new Map<string, string>();

/**
 * A file system without extended attributes can't hold all changes: a folder that takes the place of a removed one is such. So
 * that is tried first, where the changes will lie.
 */
const SHOW = `
set -e
layers=$1 at=$2 scratch=$3
overlay() { mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3,userxattr" "$4"; }
cd "$scratch"
mkdir changes work probe probe/lower probe/lower/folder probe/changes probe/work probe/at
overlay "$scratch/probe/lower" "$scratch/probe/changes" "$scratch/probe/work" "$scratch/probe/at"
fits=yes
rmdir probe/at/folder && mkdir probe/at/folder || fits=no
umount probe/at
[ $fits = yes ]
rm -rf probe
chmod --reference="$4" changes
chown --reference="$4" changes
touch --reference="$4" changes
overlay "$layers" "$scratch/changes" "$scratch/work" "$at"
`;

/** A colon would part two layers, the others end or escape an option. */
const UNFIT = /[:,\\]/;

/**
 * Shows folders one upon another as one tree, which may be written to: what is changed lies in a folder of its own. That is an
 * overlay in our own mount namespace, so nobody else sees it, and it ends with us.
 *
 * @param layers the topmost first; they must not change as long as they are shown
 * @param at an empty folder
 * @param scratch a folder for what is changed, which is made
 * @returns the folder of the changes; undefined where the kernel or a file system can't do it
 * @see https://docs.kernel.org/filesystems/overlayfs.html
 */
export async function showLayers(
  layers: readonly string[],
  at: string,
  scratch: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [top = "", lowest = ""] = [layers[0], layers.at(-1)];
  if ([...layers, at, scratch].some((path) => UNFIT.test(path))) return undefined;
  await mkdir(scratch);
  try {
    // to its end, whatever happens: half done, nobody would know what is mounted
    await runInNamespace([...DIE_WITH_US, "sh", "-c", SHOW, "sh", layers.join(":"), at, scratch, top]);
  } catch (error) {
    if (error instanceof CommandError && error.code === "command-failed") return undefined;
    throw error;
  }
  shown.set(at, lowest);
  signal.throwIfAborted();
  return join(scratch, "changes");
}

/** Copies a folder with the files of many owners, and all that they are; where the file system can, by sharing blocks. */
export async function copyFolder(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const argv = ["cp", "--archive", "--preserve=xattr", "--reflink=auto", "--no-target-directory", "--", from, to];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
}

/**
 * Ends the showing of layers, of which the changes stay, to be a layer themselves. All that was removed is a name of one and
 * the same file, which has its first name in the overlay's own folder: that has to go first, or it would change them later.
 */
export async function settleChanges(at: string, changes: string): Promise<void> {
  await unmountBelow(at);
  await runInNamespace([...OWN_MOUNTS, "rm", "-rf", "--", join(dirname(changes), "work")]);
}

/** Unmounts all layers that are shown in a folder or below it. */
export async function unmountBelow(path: string): Promise<void> {
  const inside = [...shown.keys()].filter((at) => at === path || at.startsWith(`${path}/`));
  if (inside.length === 0) return;
  for (const at of inside) shown.delete(at); // another call at the same time has nothing to do
  await runInNamespace([...DIE_WITH_US, "umount", "--", ...inside]);
}

/** A folder that can be read from outside of our namespace, in the place of one where layers are shown: the lowest of these. */
export function lowestLayer(at: string): string {
  return shown.get(at) ?? at;
}
