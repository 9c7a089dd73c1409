import { pathToFileURL } from "node:url";
import { openCache } from "../core/cache.ts";
import { runStep } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import { VmbuilderError } from "../model/errors.ts";
import { formatLockFile, LOCAL, parseLockFile } from "../model/lock-file.ts";
import { type Lock, packageId } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { readSmallFile, writeFileAtomically } from "../system/files.ts";
import type { BuildOptions } from "./build.ts";
import { findDistro } from "./plan.ts";

/** Far more than the lock of a machine with every package there is. */
const LARGEST_LOCK_BYTES = 64 * 1024 * 1024;

/**
 * Chooses the packages of a plan anew and writes them to its lock file.
 *
 * @throws mirror, release and package errors; path-unusable
 */
export async function writeLock(
  path: string,
  plan: Plan,
  options: Pick<BuildOptions, "cacheDirectory" | "signal" | "emit">,
): Promise<Lock> {
  const cache = await openCache(options.cacheDirectory);
  const lock = await withContext(cache, options.signal, options.emit, (context) =>
    runStep(context, "resolve", "Resolve packages", () => findDistro(plan.recipe.distro).resolve(plan, context)),
  );
  const text = formatLockFile(lock, plan);
  await writeFileAtomically(path, text);
  return locateDebs(parseLockFile(text, path, plan), path, plan); // with all that reading adds
}

/**
 * Reads a plan's lock file.
 *
 * @throws lock-invalid, lock-stale, file-unreadable
 */
export async function readLock(path: string, plan: Plan): Promise<Lock> {
  return locateDebs(parseLockFile(await readSmallFile(path, LARGEST_LOCK_BYTES), path, plan), path, plan);
}

/** Finds the package files of a recipe's host again, by their hashes. */
function locateDebs(lock: Lock, file: string, { extras }: Plan): Lock {
  const debs = new Map(extras?.debs.map(({ sha256, path }) => [sha256, path]));
  const packages = lock.packages.map((ref) => {
    const path = debs.get(ref.sha256);
    if (path !== undefined) return { ...ref, url: pathToFileURL(path).href };
    if (ref.url.startsWith(`${LOCAL}/`) || !ref.url.startsWith(LOCAL)) return ref;
    throw new VmbuilderError("lock-stale", `${file} wants ${packageId(ref)} by its hash, which no package file has`, {
      hint: `bring ${decodeURIComponent(ref.url.slice(LOCAL.length))} back as it was, or choose anew with --update-lock`,
    });
  });
  return { ...lock, packages };
}
