import { OWN_MOUNTS, startInNamespace } from "./namespace.ts";
import { type TarEntry, TarScanner } from "./tar-scanner.ts";
import { ATTRIBUTES, STABLE_HEADERS } from "./tree-archive.ts";

/** Something in a folder: where, what, whose. A hard link is told as such but for the first of its names. */
export interface TreeEntry extends TarEntry {
  /** Path from the folder, without a slash at its end; the folder itself is `.`. */
  readonly path: string;
}

/**
 * Lists a folder of a tree as the guest sees it, parents first, names in order.
 *
 * @param attributes of which extended attributes is told; default: those that a system needs
 */
export async function listTree(
  folder: string,
  signal: AbortSignal,
  attributes: readonly string[] = ATTRIBUTES,
): Promise<TreeEntry[]> {
  const argv = ["tar", "--create", "--file=-", "--numeric-owner", "--sort=name", "--warning=no-file-ignored"];
  const tar = await startInNamespace([...OWN_MOUNTS, ...argv, ...STABLE_HEADERS, ...attributes, "-C", folder, "."], {
    signal,
  });
  tar.stdin.end();
  const entries: TreeEntry[] = [];
  const scanner = new TarScanner({
    onEntry: (entry) => entries.push({ ...entry, path: pathOf(entry.name) }),
    onEnd: () => {},
  });
  for await (const chunk of tar.stdout) scanner.push(chunk as Buffer);
  await tar.done;
  return entries;
}

function pathOf(name: string): string {
  return name.replace(/^\.\//, "").replace(/\/$/, "") || ".";
}
