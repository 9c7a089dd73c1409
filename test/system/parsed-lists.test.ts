import { cp, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findObject, openCache } from "../../src/core/cache.ts";
import { withContext } from "../../src/core/work-directory.ts";
import type { PackageRequest } from "../../src/model/plan.ts";
import { findDistro } from "../../src/stages/plan.ts";
import { EVERYTHING, planTest, withFolder } from "../fixtures/attempt.ts";
import { type Mirror, openMirror } from "../fixtures/mirror.ts";

const FILE = "srcpkgcache.bin";
let mirror: Mirror;
beforeAll(async () => {
  mirror = await openMirror([
    { name: "base", control: { Priority: "required", Essential: "yes" } },
    { name: "one", control: { Depends: "base" } },
    { name: "two", control: { Depends: "one" } },
  ]);
});
afterAll(() => mirror.close());

/** Solves with a cache; also the number of apt's file in the work folder: another than the cache's, if apt made it itself. */
async function solve(cacheDirectory: string, include: string[]) {
  const request: PackageRequest = { ...EVERYTHING, include };
  const cache = await openCache(cacheDirectory);
  return withContext(
    cache,
    new AbortController().signal,
    () => {},
    async (context) => {
      const plan = await planTest(mirror.recipe, request);
      const lock = await findDistro("debian").resolve(plan, context);
      const used = await stat(join(context.workDirectory, "apt", FILE)).catch(() => undefined);
      return { names: lock.packages.map(({ name }) => name).sort(), used: used?.ino };
    },
  );
}

/** The kept file. */
async function kept(cacheDirectory: string): Promise<string> {
  const cache = await openCache(cacheDirectory);
  for (const key of await readdir(join(cacheDirectory, "objects/index"))) {
    const object = await findObject(cache, "index", key);
    if (object?.meta.files[FILE]) return join(object.directory, FILE);
  }
  throw new Error("nothing was kept");
}

test("apt reads its lists once, wherever the cache is then", () =>
  withFolder(async (folder) => {
    const [first, moved] = [join(folder, "first"), join(folder, "moved")];
    expect(await solve(first, ["one"])).toEqual({ names: ["base", "one"], used: undefined }); // moved into the cache
    const { ino } = await stat(await kept(first));
    expect(await solve(first, ["two"])).toEqual({ names: ["base", "one", "two"], used: ino });
    expect((await stat(await kept(first))).ino).toBe(ino);
    await cp(first, moved, { recursive: true, preserveTimestamps: true });
    const copied = (await stat(await kept(moved))).ino;
    expect(await solve(moved, [])).toEqual({ names: ["base"], used: copied });
  }));

test("apt reads them again when they are others, and what is kept is damaged", () =>
  withFolder(async (folder) => {
    const cache = join(folder, "cache");
    await solve(cache, ["one"]);
    await writeFile(await kept(cache), "no such file");
    expect(await solve(cache, ["two"])).toEqual({ names: ["base", "one", "two"], used: undefined });
    await mirror.add([{ name: "three", control: { Depends: "two" } }]);
    expect(await solve(cache, ["three"])).toEqual({ names: ["base", "one", "three", "two"], used: undefined });
    // made for this version of the lists, though by a folder whose times were lost
    const other = join(folder, "other");
    await cp(cache, other, { recursive: true });
    const index = join(other, "objects/index");
    for (const path of await readdir(index, { recursive: true }))
      if (path.endsWith("_Packages")) await utimes(join(index, path), 1_000_000_000, 1_000_000_000);
    const found = await solve(other, ["one"]);
    expect(found.names).toEqual(["base", "one"]);
    expect(found.used).toBeDefined();
    expect(found.used).not.toBe((await stat(await kept(other))).ino);
  }));
