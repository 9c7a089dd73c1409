import { startInGuest } from "./guest.ts";
import { TarScanner } from "./tar-scanner.ts";

/**
 * Reads files of a tree from inside it: each path may be a file or a folder, whose files are read too. What doesn't
 * exist is left out.
 *
 * @returns content by absolute path, in the order of these
 */
export async function readGuestFiles(
  tree: string,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const files = await readGuestBytes(tree, paths, signal);
  return new Map([...files].map(([path, content]) => [path, content.toString("utf8")]));
}

/** Like {@link readGuestFiles}, for files that are no text. */
export async function readGuestBytes(
  tree: string,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Buffer>> {
  const relative = paths.map((path) => path.replace(/^\/+/, ""));
  const argv = ["tar", "--create", "--file=-", "--ignore-failed-read", "--warning=none", "--", ...relative];
  const tar = await startInGuest(tree, argv, { signal, okStatuses: [0, 1, 2] });
  tar.stdin.end();
  const files = new Map<string, Buffer[]>();
  let pieces: Buffer[] | undefined;
  const scanner = new TarScanner({
    onEntry(entry) {
      pieces = undefined;
      if (entry.type !== "file") return;
      pieces = [];
      files.set(`/${entry.name}`, pieces);
    },
    onContent: (piece) => pieces?.push(Buffer.from(piece)),
    onEnd: () => {},
  });
  for await (const chunk of tar.stdout) scanner.push(chunk as Buffer);
  await tar.done;
  // tar has them in the order of their folders, which is another on each file system
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([path, content]) => [path, Buffer.concat(content)]));
}
