import { symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { makeSparseFile } from "./disk-image.ts";
import { runInGuest } from "./guest.ts";
import { CommandError, type RunResult } from "./process.ts";
import { listTree } from "./tree-listing.ts";
import { settleInodes } from "./xfs-inodes.ts";
import { xfsPrototype } from "./xfs-prototype.ts";

const [SOURCE, OUTPUT] = ["/run/source", "/run/output"];
const WITHOUT_SUBVOLUMES = /(unrecognized|unknown) option.*subvol/;

/** A file system that is made by the guest's own programs, so that its kernel knows all that is in it. */
export interface GuestFileSystem {
  /** The guest. */
  readonly tree: string;
  /** What comes in. */
  readonly folder: string;
  /** Where in it other folders come in, as subvolumes; their mount points must be there. */
  readonly subvolumes: readonly { readonly path: string; readonly folder: string }[];
  /** The file that is made, in a folder of its own. */
  readonly image: string;
  readonly sizeBytes: number;
  readonly uuid: string;
  /** Time stamp of what isn't a file's own. */
  readonly atSeconds: number;
}

/**
 * Makes a btrfs from folders.
 *
 * @throws tree-too-large, storage-impossible when the guest's program knows no subvolumes
 * @see https://manpages.debian.org/mkfs.btrfs
 */
export async function makeBtrfs(wanted: GuestFileSystem, signal: AbortSignal): Promise<void> {
  const { image, uuid, subvolumes } = wanted;
  const options = subvolumes.flatMap(({ path }) => ["--subvol", path]);
  const argv = [
    "mkfs.btrfs",
    "--quiet",
    "--uuid",
    uuid,
    "--rootdir",
    SOURCE,
    ...options,
    `${OUTPUT}/${basename(image)}`,
  ];
  await makeSparseFile(image, wanted.sizeBytes);
  await runMaker(wanted, argv, signal);
}

/**
 * Makes an XFS from a folder: mkfs.xfs takes its files, and what it cannot be told is set in their inodes.
 *
 * @throws tree-too-large, storage-impossible
 */
export async function makeXfs(wanted: GuestFileSystem, signal: AbortSignal): Promise<void> {
  const { folder, image, uuid, atSeconds } = wanted;
  const entries = await listTree(folder, signal);
  const { content, aliases } = xfsPrototype(entries, SOURCE, OUTPUT);
  await writeFile(join(dirname(image), "prototype"), content);
  for (const [name, target] of aliases) await symlink(target, join(dirname(image), name));
  await makeSparseFile(image, wanted.sizeBytes);
  const [prototype, output] = [`${OUTPUT}/prototype`, `${OUTPUT}/${basename(image)}`];
  await runMaker(wanted, ["mkfs.xfs", "-q", "-m", `uuid=${uuid}`, "-p", prototype, output], signal);
  await settleInodes(image, entries, atSeconds);
}

async function runMaker(
  { tree, folder, subvolumes, image, atSeconds }: GuestFileSystem,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<RunResult> {
  const parts = subvolumes.map(({ path, folder: part }) => [`${SOURCE}/${path}`, part]);
  try {
    return await runInGuest(tree, argv, {
      signal,
      binds: { [SOURCE]: folder, ...Object.fromEntries(parts) },
      writableBinds: { [OUTPUT]: dirname(image) },
      guestEnv: { SOURCE_DATE_EPOCH: String(atSeconds) },
    });
  } catch (cause) {
    const stderr = cause instanceof CommandError ? cause.stderr : "";
    if (WITHOUT_SUBVOLUMES.test(stderr))
      throw new VmbuilderError("storage-impossible", "this release's mkfs.btrfs makes no subvolumes", {
        hint: "choose a later release (Debian 13 has it), or leave out the subvolumes",
        cause,
      });
    if (/No space left|not enough free space|cannot allocate space|insufficient space/i.test(stderr))
      throw new VmbuilderError("tree-too-large", "what is in a file system does not fit there", {
        hint: "raise its size, or --rootsize",
        detail: stderr,
        cause,
      });
    throw cause;
  }
}
