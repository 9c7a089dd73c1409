import { createHash } from "node:crypto";
import { OWN_MOUNTS, startInNamespace } from "./namespace.ts";

/** Path, type, mode, owners, size, times of content and of inode, hard links, target of a link. */
const LISTING = "%P\\0%y%m %U %G %s %T@ %C@ %n %l\\0";

/**
 * A hash of all that a folder's file system knows of its files, without reading them: whoever changes one, by whatever way but
 * the raw device, changes the time of its inode, which nobody can set. So it stands for the files' content as long as the folder stays on
 * its file system, and costs a hundredth of hashing them. The folder itself may be moved.
 */
export async function sealOf(folder: string, signal?: AbortSignal): Promise<string> {
  const argv = ["find", folder, "-mindepth", "1", "-printf", LISTING];
  const find = await startInNamespace([...OWN_MOUNTS, ...argv], { signal });
  find.stdin.end();
  const hash = createHash("sha256");
  for await (const piece of find.stdout) hash.update(piece as Buffer);
  await find.done;
  return hash.digest("hex");
}
