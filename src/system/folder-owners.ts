import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";

/** A folder of a tree, by its path there, and its owner's number in the guest. */
export type FolderOwner = readonly [uid: number, path: string];

const FOREIGN = ["-type", "d", "!", "-uid", "0"];

/** Lists the folders of a tree that aren't root's. */
export async function listFolderOwners(tree: string, signal: AbortSignal): Promise<FolderOwner[]> {
  const argv = ["find", tree, ...FOREIGN, "-printf", "%U %P\\0"];
  const { stdout } = await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
  return stdout
    .split("\0")
    .slice(0, -1)
    .map((line) => [Number.parseInt(line, 10), line.slice(line.indexOf(" ") + 1)]);
}

/**
 * Makes all folders of a tree root's, who is the caller: what lies in a folder of one's own, one can remove, whoever owns it. So
 * a tree needs no namespace to be removed.
 */
export async function takeFolders(tree: string, signal: AbortSignal): Promise<void> {
  const argv = ["find", tree, ...FOREIGN, "-exec", "chown", "0", "{}", "+"];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
}

/** Gives folders back to their owners. They are folders that nobody but us can have replaced by links. */
export async function giveFolders(tree: string, owners: readonly FolderOwner[], signal: AbortSignal): Promise<void> {
  if (owners.length === 0) return;
  const input = owners.map(([uid, path]) => `${uid}\0${tree}/${path}\0`).join("");
  await runInNamespace([...OWN_MOUNTS, "xargs", "--null", "--max-args=2", "chown", "--no-dereference", "--"], {
    input,
    signal,
  });
}
