import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Text } from "../system/files.ts";
import { type Cache, type CacheObject, commitObject, objectFile, openCache, REFERENCES } from "./cache.ts";
import { collectGarbage, listCache, verifyCache } from "./cache-maintenance.ts";
import { makeWorkDirectory } from "./work-directory.ts";

const DAY_MS = 86_400_000;
let directory: string;
let cache: Cache;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-gc-"));
  cache = await openCache(join(directory, "cache"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** An object of 1000 bytes that was last used some days ago. */
async function object(name: string, daysAgo: number, kind: "tree" | "disk" = "disk"): Promise<CacheObject> {
  const made = await commitObject(cache, kind, sha256Text(name), name, async (folder) => {
    await writeFile(join(folder, "file"), Buffer.alloc(1000));
  });
  await age(made.directory, daysAgo);
  return made;
}

async function deb(content: string, daysAgo: number): Promise<string> {
  const path = join(cache.packages, `${sha256Text(content)}.deb`);
  await writeFile(path, content);
  await age(path, daysAgo);
  return path;
}

async function age(path: string, daysAgo: number): Promise<void> {
  const at = new Date(Date.now() - daysAgo * DAY_MS);
  await utimes(path, at, at);
}

async function refer(base: CacheObject, image: string): Promise<void> {
  await mkdir(join(base.directory, REFERENCES), { recursive: true });
  await writeFile(join(base.directory, REFERENCES, sha256Text(image)), `${image}\n`);
}

const titles = async () => (await listCache(cache)).map(({ title, key }) => title || key).sort();
const daysAgo = (days: number) => Date.now() - days * DAY_MS;

describe("collectGarbage", () => {
  it("removes what was not used for so long, packages too, and says what", async () => {
    await object("old", 40);
    await object("new", 1);
    await deb("old package", 40);
    const removed = await collectGarbage(cache, { usedBeforeMs: daysAgo(30) });
    expect(removed.map(({ kind, sizeBytes }) => `${kind} ${sizeBytes}`).sort()).toEqual(["disk 1000", "package 11"]);
    expect(await titles()).toEqual(["new"]);
    expect(await readdir(join(cache.directory, "work"))).toEqual([]);
  });

  it("keeps a disk that a linked clone stands on, until the clone is gone", async () => {
    const base = await object("base", 400);
    const image = join(directory, "clone.qcow2");
    await writeFile(image, "");
    await refer(base, image);
    await age(base.directory, 400);
    expect(await collectGarbage(cache, { usedBeforeMs: Date.now(), maxBytes: 0 })).toEqual([]);
    expect((await listCache(cache))[0]?.clones).toEqual([image]);
    await rm(image);
    expect(await collectGarbage(cache, { usedBeforeMs: Date.now() })).toHaveLength(1);
  });

  it("keeps what live work may use: all that was used since it began", async () => {
    const work = await makeWorkDirectory(join(cache.directory, "work"));
    await object("used by it", 0);
    await object("before it", 2);
    const rules = { usedBeforeMs: Date.now() + DAY_MS, maxBytes: 0 };
    expect((await collectGarbage(cache, rules)).map(({ title }) => title)).toEqual(["before it"]);
    expect(await titles()).toEqual(["used by it"]);
    await rm(work, { recursive: true });
    await age((await object("used by it", 1)).directory, 1);
    expect(await collectGarbage(cache, rules)).toHaveLength(1);
  });

  it("removes the longest unused until the rest fits", async () => {
    for (const [name, days] of [
      ["a", 3],
      ["b", 5],
      ["c", 1],
      ["d", 4],
    ] as const)
      await object(name, days);
    const removed = await collectGarbage(cache, { usedBeforeMs: 0, maxBytes: 2500 });
    expect(removed.map(({ title }) => title)).toEqual(["b", "d"]);
    expect(await titles()).toEqual(["a", "c"]);
  });
});

describe("verifyCache", () => {
  it("finds damaged objects and packages, removes them, and leaves the rest", async () => {
    await object("good", 1);
    const bad = await object("bad", 1, "tree");
    await writeFile(objectFile(bad, "file"), Buffer.alloc(1000, 1));
    await deb("good package", 1);
    const badPackage = await deb("bad package", 1);
    await writeFile(badPackage, "mad package");
    const seen: string[] = [];
    const damaged = await verifyCache(cache, new AbortController().signal, ({ kind }) => seen.push(kind));
    expect(seen.sort()).toEqual(["disk", "package", "package", "tree"]);
    expect(damaged.map(({ kind }) => kind).sort()).toEqual(["package", "tree"]);
    expect(await titles()).toEqual([`${sha256Text("good package")}.deb`, "good"].sort());
  });

  it("stops when it is told to", async () => {
    await object("good", 1);
    await expect(verifyCache(cache, AbortSignal.abort(new Error("stop")), () => {})).rejects.toThrow("stop");
  });
});
