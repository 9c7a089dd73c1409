import { dirname, join, posix } from "node:path";
import type { Ext4Inode, Ext4Reader } from "./ext4-reader.ts";
import type { TreeEntry } from "./tree-listing.ts";

/** What overlayfs says of a folder that hides the one below it. */
const OPAQUE = "user.overlay.opaque";
const OWN_ATTRIBUTE = /^user\.overlay\./;
/** debugfs reads a line of commands into a buffer, and knows no way to write a quotation mark. What was no UTF-8 is lost. */
const UNFIT = /[\p{Cc}"\\\uFFFD]/u;
const LONGEST_BYTES = 2000;
const FORMATS = { file: 0o100000, directory: 0o040000 } as const;

/**
 * What has to be done to a file system so that it holds what a tree with a layer upon it shows, in debugfs' words.
 *
 * @param entries the layer's, by {@link listTree}: a device stands for what was removed
 * @param changes folder of the layer
 * @param fileSystem as it is without the layer
 * @returns undefined when something can't be said
 * @see https://docs.kernel.org/filesystems/overlayfs.html
 */
export async function layerCommands(
  entries: readonly TreeEntry[],
  changes: string,
  fileSystem: Ext4Reader,
): Promise<string[] | undefined> {
  const commands: string[] = [];
  const names = new Map<string, number>();
  const view = new View(fileSystem);
  for (const entry of entries) {
    const path = posix.join("/", entry.path);
    const isPlain = [...entry.xattrs.keys()].every((name) => OWN_ATTRIBUTE.test(name));
    const said = [join(changes, path), path, entry.linkTarget];
    if (!isPlain || !said.every(canBeSaid)) return undefined;
    const there = await view.find(path);
    const merges = entry.type === "directory" && there?.type === "directory" && !entry.xattrs.has(OPAQUE);
    if (there && !merges) {
      if (!(await sayRemoval(fileSystem, path, there, commands))) return undefined;
      await view.remove(path);
    }
    switch (entry.type) {
      case "device":
        break;
      case "directory":
        if (!merges) commands.push(`mkdir "${path}"`);
        commands.push(...attributes(path, entry, FORMATS.directory));
        break;
      case "file":
        commands.push(`cd "${dirname(path)}"`, `write "${said[0]}" "${posix.basename(path)}"`, "cd /");
        commands.push(...attributes(path, entry, FORMATS.file));
        break;
      case "symlink":
        commands.push(`symlink "${path}" "${entry.linkTarget}"`, ...attributes(path, entry));
        break;
      case "hardlink": {
        const first = posix.join("/", entry.linkTarget);
        names.set(first, (names.get(first) ?? 1) + 1);
        commands.push(`ln "${first}" "${path}"`);
        break;
      }
      default:
        return undefined;
    }
  }
  for (const [path, count] of names) commands.push(`set_inode_field "${path}" links_count ${count}`);
  return commands;
}

function canBeSaid(text: string): boolean {
  return !UNFIT.test(text) && Buffer.byteLength(text) <= LONGEST_BYTES;
}

function attributes(path: string, { mode, uid, gid, mtimeSeconds }: TreeEntry, format?: number): string[] {
  const fields = {
    ...(format === undefined ? {} : { mode: `0${(format | (mode & 0o7777)).toString(8)}` }),
    uid,
    gid,
    mtime: `@${Math.floor(mtimeSeconds)}`,
  };
  return Object.entries(fields).map(([name, value]) => `set_inode_field "${path}" ${name} ${value}`);
}

/** Says how to remove a file, or a folder with all in it. False when there is a name in it that can't be said. */
async function sayRemoval(
  fileSystem: Ext4Reader,
  path: string,
  inode: Ext4Inode,
  commands: string[],
): Promise<boolean> {
  if (!canBeSaid(path)) return false;
  if (inode.type !== "directory") return commands.push(`rm "${path}"`) > 0;
  for (const { name, inode: number } of await fileSystem.list(inode)) {
    const below = await fileSystem.inode(number);
    if (!(await sayRemoval(fileSystem, posix.join(path, name), below, commands))) return false;
  }
  return commands.push(`rmdir "${path}"`) > 0;
}

/** A file system, of which folders are read once, and what was removed isn't there any more. */
class View {
  readonly #fileSystem: Ext4Reader;
  readonly #folders = new Map<string, Map<string, number>>();

  constructor(fileSystem: Ext4Reader) {
    this.#fileSystem = fileSystem;
  }

  async find(path: string): Promise<Ext4Inode | undefined> {
    if (path === "/") return this.#fileSystem.inode(this.#fileSystem.root);
    const number = (await this.#list(posix.dirname(path))).get(posix.basename(path));
    return number === undefined ? undefined : this.#fileSystem.inode(number);
  }

  async remove(path: string): Promise<void> {
    (await this.#list(posix.dirname(path))).delete(posix.basename(path));
  }

  /** Inodes by their names; none in what is no folder. */
  async #list(path: string): Promise<Map<string, number>> {
    const known = this.#folders.get(path);
    if (known) return known;
    const folder = await this.find(path);
    const entries = folder?.type === "directory" ? await this.#fileSystem.list(folder) : [];
    const names = new Map(entries.map(({ name, inode }) => [name, inode]));
    this.#folders.set(path, names);
    return names;
  }
}
