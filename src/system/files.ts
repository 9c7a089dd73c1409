import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { copyFolder, unmountBelow } from "./tree-layers.ts";

const HASH_PIECE_BYTES = 256 * 1024;

/** SHA-256 of a file, lower-case hexadecimal. The next piece is read while one is hashed; memory stays flat. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "r");
  try {
    let [current, next] = [Buffer.allocUnsafe(HASH_PIECE_BYTES), Buffer.allocUnsafe(HASH_PIECE_BYTES)];
    let reading = file.read(current, 0, HASH_PIECE_BYTES);
    for (let { bytesRead } = await reading; bytesRead > 0; { bytesRead } = await reading) {
      signal?.throwIfAborted();
      reading = file.read(next, 0, HASH_PIECE_BYTES);
      hash.update(current.subarray(0, bytesRead));
      [current, next] = [next, current];
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** SHA-256 of a text or of bytes, lower-case hexadecimal. */
export function sha256Text(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Reads a text file that may come from anywhere. A pipe or a device is refused before it can block or never end.
 *
 * @throws file-unreadable, which says why
 */
export async function readSmallFile(path: string, limitBytes: number): Promise<string> {
  return (await readSmallBytes(path, limitBytes)).toString("utf8");
}

/** Like {@link readSmallFile}, for what is no text. */
export async function readSmallBytes(path: string, limitBytes: number): Promise<Buffer> {
  const refuse = (why: string, cause?: unknown) =>
    new VmbuilderError("file-unreadable", `cannot read ${path}: ${why}`, { cause });
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw refuse(cause.code === "ENOENT" ? "there is no such file" : cause.message, cause);
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw refuse("it is no plain file");
    if (info.size > limitBytes) throw refuse(`it is larger than ${limitBytes / 1024} KiB`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Whether a folder and a path, of which the end need not exist yet, lie on one file system, so that files can move there. */
export async function isOneFileSystem(folder: string, path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (!there) return path !== dirname(path) && isOneFileSystem(folder, dirname(path));
  return there.dev === (await stat(folder)).dev;
}

/** Whether the file system of a folder copies files by sharing their blocks, as btrfs and XFS do. */
export async function sharesBlocks(folder: string): Promise<boolean> {
  const [one, other] = [join(folder, `${randomUUID()}.probe`), join(folder, `${randomUUID()}.probe`)];
  try {
    await writeFile(one, Buffer.alloc(4096, 1), { flag: "wx" });
    await copyFile(one, other, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([one, other].map((path) => rm(path, { force: true })));
  }
}

/** Flushes a file or folder to the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file so that its final name holds the old or the new content, never a part: temporary name, sync, rename. */
export async function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, "w", mode);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncPath(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first error says more
    throw fileError(error, path);
  }
}

/** Makes a folder with its parents. @throws disk-full, path-unusable */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  await makeParents(path, mode).catch((error: unknown) => {
    if (!isMissing(error)) throw fileError(error, path);
    throw new VmbuilderError("path-unusable", `cannot make ${path}`, {
      hint: "check whether its file system can be written, or choose another place with --cache-dir and --dest",
      cause: error,
    });
  });
}

/** Node's own recursion never ends below a folder like /proc, where nothing can be made and "no such file" is the answer. */
async function makeParents(path: string, mode: number | undefined): Promise<void> {
  const parent = dirname(path);
  const make = () => mkdir(path, mode);
  await make()
    .catch(async (error: unknown) => {
      if (!isMissing(error) || parent === path) throw error;
      await makeParents(parent, mode);
      await make();
    })
    .catch(async (error: unknown) => {
      const there = await stat(path).catch(() => undefined);
      if (!there?.isDirectory()) throw error;
    });
}

/**
 * Removes a folder that may hold files of subordinate ids, which only root of a user namespace can remove.
 * What the caller owns itself is removed without one.
 */
export async function removeTree(path: string): Promise<void> {
  await unmountBelow(path);
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await removeGuestTree(path);
  }
}

/** Removes a folder with the files of many owners, and what is mounted in it. */
export async function removeGuestTree(path: string): Promise<void> {
  await unmountBelow(path);
  await runInNamespace([...OWN_MOUNTS, "rm", "-rf", "--", path]);
}

/** Moves a folder with the files of many owners; to another file system, it is copied. @throws command-failed when that can't hold it */
export async function moveGuestTree(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    await copyFolder(from, to);
    await removeGuestTree(from);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Turns a file system's error into one that names the path and what to do. Other errors pass unchanged. */
export function fileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new VmbuilderError("disk-full", `no space left to write ${path}`, {
        hint: "free some space, or choose another place with --cache-dir and --dest",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "EEXIST":
    case "EIO":
    case "ENAMETOOLONG":
      return new VmbuilderError("path-unusable", `cannot use ${path}: ${error.message.split(",")[0]}`, {
        hint: "check its owner, mode and file system, or choose another place with --cache-dir and --dest",
        cause: error,
      });
    default:
      return error;
  }
}

/** Likewise for a full disk alone, wherever it shows among the many files of a folder. */
export function fullDiskError(error: unknown, folder: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT" ? fileError(error, folder) : error;
}

/** When a process began, in clock ticks since boot: together with its id it names a process for good. */
export async function processStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
