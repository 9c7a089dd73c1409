import { startHostProgramInGuest } from "../../../system/guest.ts";
import { type TarItem, writeTar } from "../../../system/tar-writer.ts";

/** Arguments of the tar that writes into trees; it runs chrooted there. */
export const EXTRACT = [
  "tar",
  "--extract",
  "--file=-",
  "--ignore-zeros",
  "--numeric-owner",
  "--same-owner",
  "--same-permissions",
  "--keep-directory-symlink",
  "--warning=no-timestamp",
  "--warning=no-alone-zero-block",
];

/** Writes files into a tree from inside it, so that no link in the tree can lead elsewhere. */
export async function writeToTree(tree: string, items: readonly TarItem[], signal: AbortSignal): Promise<void> {
  const tar = await startHostProgramInGuest(tree, EXTRACT, { signal });
  tar.stdout.resume();
  tar.stdin.end(writeTar(items, Math.floor(Date.now() / 1000)));
  await tar.done;
}
