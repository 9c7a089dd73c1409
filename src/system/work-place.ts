import { constants } from "node:fs";
import { access, chmod, lstat, mkdir, open, rm, rmdir, stat, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { formatSize } from "../model/size.ts";

/** Where every Linux has a file system in memory that each user may write to. @see shm_overview(7) */
const MEMORY_PLACE = "/dev/shm";
/** @see statfs(2) */
const TMPFS_MAGIC = 0x0102_1994;

/**
 * Gives the folder in memory that builds can work in. Mounting one takes root; this one is there.
 *
 * @param sizeBytes how much must be free there
 * @throws memory-short when there is no such folder, or it is too full
 */
export async function memoryPlace(sizeBytes: number): Promise<string> {
  const info = await statfs(MEMORY_PLACE).catch(() => undefined);
  const freeBytes = info?.type === TMPFS_MAGIC ? info.bavail * info.bsize : undefined;
  if (freeBytes !== undefined && freeBytes >= sizeBytes) return MEMORY_PLACE;
  const why = freeBytes === undefined ? "is not in memory" : `has ${formatSize(freeBytes)} free`;
  throw new VmbuilderError("memory-short", `--tmpfs wants ${formatSize(sizeBytes)}, and ${MEMORY_PLACE} ${why}`, {
    hint: "give a smaller size, or --tmp DIR with a folder on a disk",
  });
}

/** Checks that a place exists; nothing is touched. @throws usage */
export async function checkWorkPlace(place: string): Promise<void> {
  const info = await stat(place).catch((cause: unknown) => {
    throw unfit(place, "does not exist", cause);
  });
  if (!info.isDirectory()) throw unfit(place, "is no folder");
}

/**
 * Makes this user's folder in a place that may be shared with others, such as /tmp. The place may forbid device nodes and
 * set-uid programs, which no build needs, but not programs: those of the new system run there.
 *
 * @throws usage when the place doesn't do
 */
export async function openWorkPlace(place: string): Promise<string> {
  await checkWorkPlace(place);
  const directory = join(place, `vmbuilder-${process.getuid?.() ?? 0}`);
  await mkdir(directory, { mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EEXIST") throw unfit(place, "cannot be written to", cause);
  });
  const own = await lstat(directory); // a link of somebody else's would lead elsewhere
  if (!own.isDirectory() || own.uid !== process.getuid?.())
    throw unfit(place, `holds ${directory}, which is somebody else's`);
  await chmod(directory, 0o700);
  if (!(await allowsPrograms(directory))) {
    await rmdir(directory).catch(() => {}); // another build's
    throw unfit(place, "is mounted noexec: no program can run there");
  }
  return resolve(directory);
}

function unfit(place: string, why: string, cause?: unknown): VmbuilderError {
  return new VmbuilderError("usage", `--tmp: ${place} ${why}`, { hint: "give another folder", cause });
}

/** The kernel says no to the execution of any file on such a mount, whatever its mode. @see access(2) */
async function allowsPrograms(directory: string): Promise<boolean> {
  const probe = join(directory, `probe-${process.pid}`);
  try {
    await (await open(probe, "w", 0o700)).close();
    return await access(probe, constants.X_OK).then(
      () => true,
      () => false,
    );
  } finally {
    await rm(probe, { force: true });
  }
}
