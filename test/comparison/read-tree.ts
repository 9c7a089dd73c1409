import { createHash, type Hash } from "node:crypto";
import { type TarEntry, TarScanner } from "../../src/system/tar-scanner.ts";

/** One path of a tree, with all that makes it equal to or different from the same path of another tree. */
export interface TreeNode {
  readonly type: TarEntry["type"];
  readonly mode: number;
  /** By the tree's own passwd and group, since ids given out at configuration may differ. */
  readonly owner: string;
  readonly mtimeSeconds: number;
  readonly symlinkTarget: string;
  /** All paths of the same file, sorted; only itself for most. */
  readonly hardlinks: readonly string[];
  /** `NAME=HEX` of each extended attribute, sorted. */
  readonly xattrs: readonly string[];
  readonly sha256: string;
  readonly content: Buffer | undefined;
}

/** A tree by absolute path; the root is `/`. */
export type TreeContents = ReadonlyMap<string, TreeNode>;

interface RawNode {
  readonly entry: TarEntry;
  readonly hash: Hash;
  readonly pieces: Buffer[] | undefined;
}

/**
 * Reads a tree from its tar archive.
 *
 * @param keeps tells of which files the content is kept, beside its hash
 */
export async function readTree(
  archive: AsyncIterable<unknown>,
  keeps: (path: string) => boolean,
): Promise<TreeContents> {
  const nodes = new Map<string, RawNode>();
  const hardlinks = new Map<string, string>();
  let latest: RawNode | undefined;
  const scanner = new TarScanner({
    onEntry(entry) {
      const path = absolute(entry.name);
      latest = undefined;
      if (entry.type === "hardlink") {
        hardlinks.set(path, absolute(entry.linkTarget));
        return;
      }
      const isKept = entry.type === "file" && (path === "/etc/passwd" || path === "/etc/group" || keeps(path));
      latest = { entry, hash: createHash("sha256"), pieces: isKept ? [] : undefined };
      nodes.set(path, latest);
    },
    onContent(piece) {
      latest?.hash.update(piece);
      latest?.pieces?.push(Buffer.from(piece));
    },
    onEnd() {},
  });
  for await (const chunk of archive) scanner.push(chunk as Buffer);
  return describe(nodes, hardlinks);
}

function describe(nodes: ReadonlyMap<string, RawNode>, hardlinks: ReadonlyMap<string, string>): TreeContents {
  const users = readNames(nodes.get("/etc/passwd"));
  const groups = readNames(nodes.get("/etc/group"));
  const siblings = Map.groupBy(hardlinks.keys(), (path) => hardlinks.get(path) ?? "");
  const tree = new Map<string, TreeNode>();
  for (const [path, { entry, hash, pieces }] of nodes) {
    const paths = [path, ...(siblings.get(path) ?? [])].sort();
    const node: TreeNode = {
      type: entry.type,
      mode: entry.mode & 0o7777,
      owner: `${users.get(entry.uid) ?? entry.uid}:${groups.get(entry.gid) ?? entry.gid}`,
      mtimeSeconds: Math.floor(entry.mtimeSeconds),
      symlinkTarget: entry.type === "symlink" ? entry.linkTarget : "",
      hardlinks: paths,
      xattrs: [...entry.xattrs].map(([name, value]) => `${name}=${value.toString("hex")}`).sort(),
      sha256: entry.type === "file" ? hash.digest("hex") : "",
      content: pieces && Buffer.concat(pieces),
    };
    for (const one of paths) tree.set(one, node);
  }
  return tree;
}

function readNames(database: RawNode | undefined): Map<number, string> {
  const lines = Buffer.concat(database?.pieces ?? [])
    .toString("utf8")
    .split("\n");
  return new Map(lines.map((line) => line.split(":")).map(([name, , id]) => [Number(id), String(name)]));
}

function absolute(name: string): string {
  return `/${name.replace(/^\.?\/*/, "").replace(/\/+$/, "")}`;
}
