import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { CommandError } from "./process.ts";

/** Moves folders out of a tree, the deepest first; what isn't there is made. No link is followed, since it could lead out. */
const MOVE_PARTS = `
set -ef
tree=$1 parts=$2 number=0; shift 2
for at; do
  path=$tree
  IFS=/
  for name in $at; do
    [ -n "$name" ] || continue
    path=$path/$name
    if [ -L "$path" ]; then echo "a link: $at" >&2; exit 1; fi
  done
  unset IFS
  if [ -d "$tree$at" ]; then mv "$tree$at" "$parts/$number"; else mkdir "$parts/$number"; fi
  mkdir -p "$tree$at"
  number=$((number + 1))
done
`;

/**
 * Takes a tree apart: each mount point's part comes into a folder of its own, and an empty folder stays in its place. The
 * tree itself is what stays for root.
 *
 * @returns folders by mount point
 * @throws storage-impossible when a mount point is a link
 */
export async function takeApart(
  tree: string,
  mounts: readonly string[],
  parts: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const inOrder = mounts.filter((at) => at !== "/").sort((a, b) => b.split("/").length - a.split("/").length);
  await mkdir(parts);
  const argv = ["sh", "-c", MOVE_PARTS, "sh", tree, parts, ...inOrder];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal }).catch((cause: unknown) => {
    if (!(cause instanceof CommandError) || !/^a link: /m.test(cause.stderr)) throw cause;
    throw new VmbuilderError("storage-impossible", "a mount point is a link in the system, or lies behind one", {
      hint: "mount the file system where the link leads",
      detail: cause.stderr,
      cause,
    });
  });
  return new Map([["/", tree], ...inOrder.map((at, number) => [at, join(parts, String(number))] as const)]);
}

/** Makes folders in a part of a tree, which the caller's own user may not write to. */
export async function makeFolders(folder: string, paths: readonly string[], signal: AbortSignal): Promise<void> {
  if (paths.length === 0) return;
  await runInNamespace([...OWN_MOUNTS, "mkdir", "-p", ...paths.map((path) => join(folder, path))], { signal });
}

/** How many bytes a part of a tree takes. */
export async function measurePart(folder: string, signal: AbortSignal): Promise<number> {
  const argv = ["du", "-s", "-x", "--block-size=1", folder];
  const { stdout } = await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
  return Number.parseInt(stdout, 10);
}
