import { mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { EventSink } from "../model/events.ts";
import { fileError, fullDiskError, processStart, removeTree } from "../system/files.ts";
import type { Cache } from "./cache.ts";
import type { BuildContext } from "./context.ts";

let sequence = 0;

/**
 * Runs `work` with a folder of its own in the cache, and removes the folder whatever happens.
 *
 * @param place folder of this user's that work is done in instead; it is removed too when it is empty
 */
export async function withContext<T>(
  cache: Cache,
  signal: AbortSignal,
  emit: EventSink,
  work: (context: BuildContext) => Promise<T>,
  place?: string,
): Promise<T> {
  // There is one even where another is used: by it, garbage collection knows what a running build may need.
  const own = await makeWorkDirectory(join(cache.directory, "work"));
  try {
    if (place === undefined) return await work({ cache, signal, emit, workDirectory: own, arrivalDirectory: own });
    return await withPlace(place, (workDirectory) =>
      work({ cache, signal, emit, workDirectory, arrivalDirectory: own }),
    );
  } catch (error) {
    throw fullDiskError(error, place ?? own);
  } finally {
    await removeTree(own);
  }
}

async function withPlace<T>(place: string, work: (workDirectory: string) => Promise<T>): Promise<T> {
  await reapWorkDirectories(place);
  const workDirectory = await makeWorkDirectory(place);
  try {
    return await work(workDirectory);
  } finally {
    await removeTree(workDirectory);
    await rmdir(place).catch(() => {}); // another build is at work in it
  }
}

/** Makes a folder that belongs to this process; when the process is gone, the next one removes it. */
export async function makeWorkDirectory(parent: string): Promise<string> {
  const directory = join(parent, `${process.pid}.${await processStart(process.pid)}.${sequence++}`);
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    throw fileError(error, directory);
  });
  return directory;
}

/** Removes the folders of processes that live no more. */
export async function reapWorkDirectories(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!(await ownerLives(name))) await removeTree(join(parent, name));
  }
}

/** When the oldest work that still runs began, in milliseconds since 1970; now, when there is none. */
export async function startOfOldestLiveWork(parent: string): Promise<number> {
  let oldest = Date.now();
  for (const name of await readdir(parent)) {
    if (!(await ownerLives(name))) continue;
    const made = await stat(join(parent, name)).catch(() => undefined);
    if (made) oldest = Math.min(oldest, made.birthtimeMs || made.ctimeMs);
  }
  return oldest;
}

async function ownerLives(name: string): Promise<boolean> {
  const [pid, start] = name.split(".");
  return start !== undefined && (await processStart(Number(pid))) === start;
}
