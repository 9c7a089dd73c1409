import { constants } from "node:fs";
import { access, lstat, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { fileError, makeDirectory, processStart, syncPath } from "../system/files.ts";

/** Marks a folder as ours, for `--overwrite`. */
export const BUILD_RECORD = "build.json";

/**
 * Refuses a result folder that would lose something (one that exists, unless it may be overwritten and is ours), or that
 * cannot be made.
 *
 * @throws dest-exists, dest-foreign, dest-impossible
 */
export async function checkDestination(destination: string, overwrite: boolean): Promise<void> {
  const found = await stat(destination).catch(() => undefined);
  if (!found) return checkParent(destination);
  if (!overwrite)
    throw new VmbuilderError("dest-exists", `${destination} exists already`, {
      hint: "choose another --dest or --hostname, or replace it with --overwrite",
    });
  if (!(await isOurs(destination))) {
    throw new VmbuilderError(
      "dest-foreign",
      `${destination} was not made by vmbuilder, so --overwrite does not touch it`,
      { hint: "move it away, or choose another --dest" },
    );
  }
  if (`${process.cwd()}${sep}`.startsWith(`${destination}${sep}`)) {
    throw new VmbuilderError("dest-foreign", `${destination} holds the current folder`, {
      hint: "run from another folder",
    });
  }
}

/** The nearest folder that exists already must be one where something can be made. */
async function checkParent(destination: string): Promise<void> {
  const parent = dirname(destination);
  const info = await stat(parent).catch(() => undefined);
  if (!info && parent !== destination) return checkParent(parent);
  const why = !info?.isDirectory()
    ? "is no folder"
    : await access(parent, constants.W_OK | constants.X_OK).then(
        () => undefined,
        () => "cannot be written to",
      );
  if (why)
    throw new VmbuilderError("dest-impossible", `the result cannot be made: ${parent} ${why}`, {
      hint: "choose another --dest",
    });
}

async function isOurs(destination: string): Promise<boolean> {
  const record = await readFile(join(destination, BUILD_RECORD), "utf8").catch(() => undefined);
  try {
    return record !== undefined && "vmbuilder" in (JSON.parse(record) as object);
  } catch {
    return false;
  }
}

/**
 * Fills a folder under a temporary name and gives it its final one when all is there. A folder that is replaced stays
 * whole until then. What a build that was killed left beside it is cleared first.
 */
export async function publishFolder<T>(
  destination: string,
  overwrite: boolean,
  fill: (directory: string) => Promise<T>,
): Promise<T> {
  const parent = dirname(destination);
  const own = `${temporaryPrefix(destination)}${process.pid}.${await processStart(process.pid)}`;
  const temporary = join(parent, `${own}.part`);
  const old = join(parent, `${own}.old`);
  try {
    await makeDirectory(parent);
    await clearLeftovers(destination);
    await makeDirectory(temporary, 0o755);
    const result = await fill(temporary);
    await checkDestination(destination, overwrite);
    if (overwrite) await rename(destination, old).catch(() => {}); // it need not be there
    await rename(temporary, destination);
    await rm(old, { recursive: true, force: true });
    await syncPath(parent);
    return result;
  } catch (error) {
    await rename(old, destination).catch(() => {}); // there is one only when the new folder could not take its place
    throw fileError(error, destination);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Refuses files that exist, unless they may be replaced. @throws dest-exists, dest-impossible */
export async function checkDestinationFiles(
  directory: string,
  names: readonly string[],
  overwrite: boolean,
): Promise<void> {
  await checkParent(join(directory, "."));
  for (const path of names.map((name) => join(directory, name))) {
    if (overwrite || (await lstat(path).catch(() => undefined)) === undefined) continue;
    throw new VmbuilderError("dest-exists", `${path} exists already`, {
      hint: "choose another --dest, or replace it with --overwrite",
    });
  }
}

/** Makes files in a folder of their own beside their place, and gives them their names when all are there. */
export async function publishFiles(
  target: string,
  names: readonly string[],
  fill: (directory: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(target);
  await withFolderBeside(target, async (temporary) => {
    await fill(temporary);
    for (const name of names) await rename(join(temporary, name), join(parent, name));
    await syncPath(parent);
  });
}

/** Gives a folder beside a file's place, which lasts as long as the work; what killed work for the same file left is cleared first. */
export async function withFolderBeside(target: string, work: (directory: string) => Promise<void>): Promise<void> {
  const parent = dirname(target);
  const temporary = join(parent, `${temporaryPrefix(target)}${process.pid}.${await processStart(process.pid)}.part`);
  try {
    await makeDirectory(parent);
    await clearLeftovers(target);
    await makeDirectory(temporary, 0o700);
    await work(temporary);
  } catch (error) {
    throw fileError(error, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function temporaryPrefix(destination: string): string {
  return `.${basename(destination).slice(0, 200)}.`;
}

/** Removes the unfinished folders of builds that live no more; one that was about to be replaced gets its name back. */
async function clearLeftovers(destination: string): Promise<void> {
  const parent = dirname(destination);
  const prefix = temporaryPrefix(destination);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const [, pid, start, kind] = /^(\d+)\.(\d+)\.(part|old)$/.exec(name.slice(prefix.length)) ?? [];
    if (kind === undefined || (await processStart(Number(pid))) === start) continue;
    const path = join(parent, name);
    const isLast = kind === "old" && (await stat(destination).catch(() => undefined)) === undefined;
    if (isLast) await rename(path, destination);
    else await rm(path, { recursive: true, force: true });
  }
}
