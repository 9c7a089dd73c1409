import { access, copyFile, link, readFile, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitObject, findObject, objectFile, verifyObject } from "../../../core/cache.ts";
import type { BuildContext } from "../../../core/context.ts";
import { stepKey } from "../../../core/step-key.ts";
import { formatSettings, type IsolatedApt, SOURCES_FILE } from "./configuration.ts";

/** Raised when what is kept changes. Whether it fits its lists and its own version, apt sees for itself. */
const VERSION = 1;
const FILE = "srcpkgcache.bin";

/**
 * Lets apt solve with its own binary form of the package lists, which the cache keeps: half of its time is reading them. It trusts
 * in that by the paths, sizes and times of the lists, so the paths are relative ones, and if it is younger than the sources, which
 * are written anew by each build and so dated 1970. The form that holds the installed packages, too, names them by an absolute path.
 */
export async function withParsedLists<T>(
  indexKey: string,
  apt: IsolatedApt,
  context: BuildContext,
  solve: (apt: IsolatedApt) => Promise<T>,
): Promise<T> {
  const { directory, lists, env } = apt;
  const key = stepKey("index", VERSION, { parsed: indexKey });
  const object = await findObject(context.cache, "index", key);
  const kept = object && (await verifyObject(context.cache, object, context.signal)) ? object : undefined;
  const path = join(directory, FILE);
  // A name of its own: apt would put a new file in the place of one that it finds unfit.
  if (kept) await linkOrCopy(objectFile(kept, FILE), path);
  await symlink(lists, join(directory, "lists"));
  await utimes(join(directory, SOURCES_FILE), 0, 0);
  const settings = {
    "Dir::State::lists": "./lists/",
    "Dir::Etc::sourcelist": `./${SOURCES_FILE}`,
    "Dir::Cache::srcpkgcache": path,
  };
  const configuration = join(directory, "solver.conf"); // an option -o would come too late for some of them
  await writeFile(configuration, (await readFile(env.APT_CONFIG ?? "", "utf8")) + formatSettings(settings));
  const solved = await solve({ ...apt, env: { ...env, APT_CONFIG: configuration }, cwd: directory });
  if (!kept && (await isThere(path))) {
    await commitObject(context.cache, "index", key, "package lists as apt reads them", async (target) => {
      await rename(path, join(target, FILE)).catch(() => copyFile(path, join(target, FILE)));
      return null;
    });
  }
  return solved;
}

/** The work folder may be on another file system than the cache. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
