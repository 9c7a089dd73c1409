import { basename } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { TreeEntry } from "./tree-listing.ts";
import { standIn } from "./xfs-names.ts";

/** What the file begins with: a boot file that nobody reads, and two numbers that nobody uses. */
const PREAMBLE = "/\n0 0";

/** A folder, as mkfs.xfs wants it described. */
export interface Prototype {
  readonly content: Buffer;
  /** Files whose paths would end at a blank: a link by this name in the folder of aliases has to lead to each. */
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Describes a folder as mkfs.xfs wants it. In the place of its owner, each file gets its index in the list: by it,
 * `settleInodes` finds what the format cannot say. Of a hard link's names each becomes a file of its own.
 *
 * @param source where mkfs.xfs sees the folder
 * @param aliasFolder where it sees the folder of aliases
 * @throws storage-impossible when there is something that it cannot take
 * @see https://manpages.debian.org/mkfs.xfs, "protofile"
 */
export function xfsPrototype(entries: readonly TreeEntry[], source: string, aliasFolder: string): Prototype {
  const lines = [PREAMBLE];
  const aliases = new Map<string, string>();
  let depth = 0;
  for (const [index, entry] of entries.entries()) {
    const names = entry.path === "." ? [] : entry.path.split("/");
    for (; names.length > 0 && depth >= names.length; depth--) lines.push("$");
    const name = names.length === 0 ? "" : `${standInText(basename(entry.path))} `;
    if (entry.type === "directory") {
      lines.push(`${name}d--755 ${index} 0`);
      depth = names.length;
      continue;
    }
    lines.push(name + fileWords(entry, index));
    depth = names.length - 1;
  }
  const ends = Array.from({ length: depth + 1 }, () => "$");
  return { content: Buffer.from(`${[...lines, ...ends].join("\n")}\n`, "latin1"), aliases };

  function fileWords({ path, type, linkTarget }: TreeEntry, index: number): string {
    if (type === "symlink") {
      if (/\s/.test(linkTarget)) throw refused(path, "whose target holds blanks");
      return `l--777 ${index} 0 ${latin1(linkTarget)}`;
    }
    if (type !== "file" && type !== "hardlink") throw refused(path, "which is no file, folder or link");
    const isWord = !/\s/.test(path);
    if (!isWord) aliases.set(`${index}`, `${source}/${path}`);
    return `---644 ${index} 0 ${isWord ? latin1(`${source}/${path}`) : `${aliasFolder}/${index}`}`;
  }
}

/** Bytes as characters, so that names of any encoding pass. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function standInText(name: string): string {
  return standIn(Buffer.from(name)).toString("latin1");
}

function refused(path: string, why: string): VmbuilderError {
  return new VmbuilderError("storage-impossible", `xfs cannot be made with /${path}, ${why}`, {
    hint: "use ext4 or btrfs for this file system",
  });
}
