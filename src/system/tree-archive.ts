import { posix } from "node:path";
import { startHostProgramInGuest } from "./guest.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import type { RunOptions } from "./process.ts";
import { TarScanner } from "./tar-scanner.ts";

/** Extended attributes that a system needs: file capabilities and access lists. */
export const ATTRIBUTES = ["--xattrs", "--xattrs-include=security.capability", "--xattrs-include=system.posix_acl_*"];

/** Extended headers without tar's process id and without the times at which the tree was made and read. */
export const STABLE_HEADERS = ["--format=posix", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"];

/** Packs a tree, owners by number as the guest has them. */
export async function packTree(
  tree: string,
  archive: string,
  options: Pick<RunOptions, "signal" | "niceness">,
): Promise<void> {
  const argv = [
    "tar",
    "--create",
    `--file=${archive}`,
    "--use-compress-program=zstd -q --fast=1 -T0",
    "--numeric-owner",
    "--sort=name",
    "--warning=no-file-ignored",
    ...STABLE_HEADERS,
    ...ATTRIBUTES,
    "-C",
    tree,
    ".",
  ];
  await runInNamespace([...OWN_MOUNTS, ...argv], options);
}

const MOST_LINKS = 8;

/**
 * Reads small text files of a tree that may be another architecture's, and whose links may lead anywhere.
 *
 * @param paths absolute paths of files and folders that are looked through
 * @param isWanted judges absolute paths
 * @returns finds a file by its absolute path, links among the wanted paths followed
 */
export async function readTreeFiles(
  tree: string,
  paths: readonly string[],
  isWanted: (path: string) => boolean,
  signal: AbortSignal,
): Promise<(path: string) => string | undefined> {
  const contents = new Map<string, Buffer[]>();
  const links = new Map<string, string>();
  let pieces: Buffer[] | undefined;
  const scanner = new TarScanner({
    onEntry({ name, type, linkTarget }) {
      pieces = undefined;
      const path = posix.join("/", name).replace(/(.)\/$/, "$1");
      if (!isWanted(path)) return;
      if (type === "file") {
        pieces = [];
        contents.set(path, pieces);
      }
      if (type === "symlink") links.set(path, posix.resolve(posix.dirname(path), linkTarget));
      if (type === "hardlink") links.set(path, posix.join("/", linkTarget));
    },
    onContent: (piece) => pieces?.push(Buffer.from(piece)),
    onEnd: () => {},
  });
  const relative = paths.map((path) => `.${path}`);
  const argv = ["tar", "--create", "--file=-", "--ignore-failed-read", "--warning=none", "--", ...relative];
  const packing = await startHostProgramInGuest(tree, argv, { signal, okStatuses: [0, 1, 2] });
  packing.stdin.end();
  for await (const chunk of packing.stdout) scanner.push(chunk as Buffer);
  await packing.done;
  return (path) => {
    const content = contents.get(followLinks(path, links));
    return content && Buffer.concat(content).toString("utf8");
  };
}

function followLinks(path: string, links: ReadonlyMap<string, string>): string {
  let at = path;
  for (let i = 0; i < MOST_LINKS; i++) {
    const folder = links.get(posix.dirname(at));
    const next = links.get(at) ?? (folder === undefined ? undefined : posix.join(folder, posix.basename(at)));
    if (next === undefined) break;
    at = next;
  }
  return at;
}
