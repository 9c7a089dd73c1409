import { VmbuilderError } from "../model/errors.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { CommandError, cleanEnvironment, run } from "./process.ts";
import type { Extent } from "./undo-file.ts";

/**
 * What an ext4 is made with. Its checksums start from a number of their own, not from the UUID, so that changing that changes
 * little; but older boot loaders read none of that kind. `unsummed` has no checksums at all, and any loader reads it.
 */
export type Ext4Kind = "summed" | "unsummed";

const FEATURES: Record<Ext4Kind, string> = {
  summed: "metadata_csum_seed",
  // those of mke2fs before its checksums, whatever this host's mke2fs.conf adds
  unsummed:
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize",
};

/** The part of a tree that a file system holds. */
export interface TreePart {
  /** Where the file system will be mounted. */
  readonly at: string;
  /** Mount points below that one: what is there belongs to other file systems. */
  readonly hidden: readonly string[];
  /** Of these, paths within the file system of those that it must have a folder for. */
  readonly folders: readonly string[];
}

/**
 * Shows mke2fs a part of the tree: other file systems' parts lie behind empty ones, and a part that isn't there is empty.
 * No link is followed, since it could lead out of the tree. Says mode and owner of the part's folder.
 */
const SHOW_PART = `
set -ef
tree=$1 at=$2; shift 2
check() {
  path=$tree
  IFS=/
  for name in $1; do
    [ -n "$name" ] || continue
    path=$path/$name
    if [ -L "$path" ]; then echo "a link: $1" >&2; exit 1; fi
  done
  unset IFS
}
check "$at"
while [ "$1" != -- ]; do
  check "$1"
  if [ -d "$tree$1" ]; then mount -t tmpfs -o mode=755 tmpfs "$tree$1"; fi
  shift
done
shift
source=$tree$at
if [ ! -d "$source" ]; then
  source=$tree
  mount -t tmpfs -o mode=755 tmpfs "$tree"
fi
stat -c '%a %u %g' "$source"
disk=$1 size=$2; shift 2
exec "$@" -d "$source" "$disk" "$size"
`;

/**
 * Makes an ext4 with a tree's content at a place of a raw disk, without mounting anything. The checksum seed is stored,
 * so that the UUID can be changed later in one place.
 *
 * @throws tree-too-large, disk-full
 * @see https://manpages.debian.org/mke2fs
 */
export async function makeExt4(
  disk: string,
  extent: Extent,
  uuid: string,
  tree: string,
  kind: Ext4Kind,
  signal: AbortSignal,
  env = cleanEnvironment(),
): Promise<void> {
  const argv = [...mke2fs(extent, uuid, kind), "-d", tree, disk, size(extent)];
  await refuseExcess("/", runInNamespace([...OWN_MOUNTS, ...argv], { env, signal }));
}

/**
 * Likewise with a part of a tree, whose folder's mode and owner become the file system's.
 *
 * @throws tree-too-large, disk-full, storage-impossible when a mount point is a link in the tree
 */
export async function makePartialExt4(
  disk: string,
  extent: Extent,
  uuid: string,
  tree: string,
  { at, hidden, folders }: TreePart,
  kind: Ext4Kind,
  signal: AbortSignal,
  env = cleanEnvironment(),
): Promise<void> {
  const place = at === "/" ? "" : at;
  const argv = [
    "sh",
    "-c",
    SHOW_PART,
    "sh",
    tree,
    place,
    ...hidden,
    "--",
    disk,
    size(extent),
    ...mke2fs(extent, uuid, kind),
  ];
  const { stdout } = await refuseExcess(at, runInNamespace([...OWN_MOUNTS, ...argv], { env, signal }));
  const [mode = "755", uid = "0", gid = "0"] = stdout.trim().split(" ");
  const commands = [
    ...folders.flatMap(withParents).map((folder) => `mkdir "${folder}"`),
    `set_inode_field / mode 04${mode.padStart(4, "0")}`,
    `set_inode_field / uid ${uid}`,
    `set_inode_field / gid ${gid}`,
    "",
  ];
  const input = commands.join("\n");
  await run(["debugfs", "-w", "-f", "-", `${disk}?offset=${extent.offsetBytes}`], { env, signal, input });
}

function mke2fs(extent: Extent, uuid: string, kind: Ext4Kind): string[] {
  const extended = `offset=${extent.offsetBytes},nodiscard,lazy_itable_init=1,lazy_journal_init=1,hash_seed=${uuid},root_owner=0:0`;
  return ["mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES[kind], "-m", "1", "-U", uuid, "-E", extended];
}

function size({ sizeBytes }: Extent): string {
  return `${sizeBytes / 1024}K`;
}

async function refuseExcess<T>(at: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const stderr = error instanceof CommandError ? error.stderr : "";
    if (/^a link: /m.test(stderr))
      throw new VmbuilderError("storage-impossible", "a mount point is a link in the system, or lies behind one", {
        hint: "mount the file system where the link leads",
        detail: stderr,
        cause: error,
      });
    if (!/Could not allocate (?:block|inode)/.test(stderr)) throw error;
    throw new VmbuilderError(
      "tree-too-large",
      at === "/" ? "the system does not fit into the root file system" : `what is in ${at} does not fit there`,
      { hint: at === "/" ? "raise --rootsize" : `make the file system of ${at} larger`, cause: error },
    );
  }
}

/** `/a/b` gives `/a` and `/a/b`; debugfs says so when one is there already, and goes on. */
function withParents(path: string): string[] {
  const names = path.split("/").slice(1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
}
