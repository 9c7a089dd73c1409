import { chown, link, mkdir, mkdtemp, readdir, rm, truncate, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Text } from "../system/files.ts";
import {
  type Cache,
  type CacheObject,
  commitObject,
  findObject,
  objectFile,
  openCache,
  REFERENCES,
  verifyObject,
} from "./cache.ts";
import { collectGarbage, listCache, verifyCache } from "./cache-maintenance.ts";
import { makeWorkDirectory } from "./work-directory.ts";

const DAY_MS = 86_400_000;
let folder = "";
let cache: Cache;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-cache-"));
  cache = await openCache(join(folder, "cache"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function keyOf(name: string): string {
  return sha256Text(name);
}

async function keep(kind: "tree" | "disk", name: string, bytes = 1000, ageDays = 0): Promise<CacheObject> {
  const object = await commitObject(cache, kind, keyOf(name), name, async (directory) => {
    await writeFile(join(directory, "content"), "x".repeat(bytes));
    return { name };
  });
  await age(object.directory, ageDays);
  return object;
}

async function keepPackage(content: string, ageDays = 0): Promise<string> {
  const path = join(cache.packages, `${sha256Text(content)}.deb`);
  await writeFile(path, content);
  await age(path, ageDays);
  return path;
}

async function age(path: string, days: number): Promise<void> {
  const at = new Date(Date.now() - days * DAY_MS - 1000);
  await utimes(path, at, at);
}

async function addClone(object: CacheObject): Promise<string> {
  const image = join(folder, "clone.qcow2");
  await writeFile(image, "");
  const references = join(object.directory, REFERENCES);
  await mkdir(references);
  await link(objectFile(object, "content"), join(references, `${keyOf("content")}.qcow2`));
  await writeFile(join(references, keyOf(image)), `${image}\n`);
  return image;
}

async function titles(): Promise<string[]> {
  return (await listCache(cache)).map(({ kind, title }) => title || kind).sort();
}

const now = () => Date.now();
const never = new AbortController().signal;

describe("openCache", () => {
  it.skipIf(process.getuid?.() !== 0)("refuses another user's cache (needs root, to make one)", async () => {
    await chown(cache.directory, 12345, 12345);
    await expect(openCache(cache.directory)).rejects.toMatchObject({ code: "cache-unusable" });
  });
});

describe("listCache", () => {
  it("tells size, clones and packages", async () => {
    const object = await keep("disk", "base", 5000);
    const image = await addClone(object);
    await keepPackage("deb");
    expect(await listCache(cache)).toMatchObject([
      { kind: "disk", key: object.key, title: "base", sizeBytes: 5000, clones: [image] },
      { kind: "package", sizeBytes: 3, clones: [] },
    ]);
  });

  it("counts a file that several objects have once, as the latest used one's", async () => {
    const [older, newer] = [await keep("disk", "older", 1000, 2), await keep("disk", "newer", 1000, 1)];
    await unlink(objectFile(newer, "content"));
    await link(objectFile(older, "content"), objectFile(newer, "content"));
    const sizes = (await listCache(cache)).map(({ title, sizeBytes }) => [title, sizeBytes]);
    expect(sizes).toEqual([
      ["newer", 1000],
      ["older", 0],
    ]);
  });
});

describe("collectGarbage", () => {
  it("removes what was not used for longer than asked", async () => {
    await keep("tree", "old", 1000, 40);
    await keep("tree", "new", 1000, 10);
    await keepPackage("old deb", 40);
    const removed = await collectGarbage(cache, { usedBeforeMs: now() - 30 * DAY_MS });
    expect(removed.map(({ kind }) => kind).sort()).toEqual(["package", "tree"]);
    expect(await titles()).toEqual(["new"]);
    expect(await readdir(join(cache.directory, "work"))).toEqual([]);
  });

  it("removes the longest unused until the rest fits", async () => {
    for (const [name, days] of [
      ["a", 3],
      ["b", 2],
      ["c", 1],
    ] as const)
      await keep("tree", name, 1000, days);
    await collectGarbage(cache, { usedBeforeMs: now() - 30 * DAY_MS, maxBytes: 1500 });
    expect(await titles()).toEqual(["c"]);
  });

  it("keeps a base as long as one of its clones exists", async () => {
    const image = await addClone(await keep("disk", "base", 1000, 99));
    expect(await collectGarbage(cache, { usedBeforeMs: now(), maxBytes: 0 })).toEqual([]);
    await unlink(image);
    expect(await collectGarbage(cache, { usedBeforeMs: now() })).toHaveLength(1);
  });

  it("keeps what a running build has used since it began", async () => {
    await keep("tree", "before", 1000, 1);
    const work = await makeWorkDirectory(join(cache.directory, "work"));
    const used = await keep("tree", "used", 1000, 1);
    await findObject(cache, "tree", used.key);
    await collectGarbage(cache, { usedBeforeMs: now() + DAY_MS, maxBytes: 0 });
    expect(await titles()).toEqual(["used"]);
    await rm(work, { recursive: true });
  });
});

describe("damage", () => {
  const damages: [string, (object: CacheObject) => Promise<void>][] = [
    ["a flipped byte", (object) => writeFile(objectFile(object, "content"), `y${"x".repeat(999)}`)],
    ["a truncated file", (object) => truncate(objectFile(object, "content"), 10)],
    ["a missing file", (object) => unlink(objectFile(object, "content"))],
    ["a damaged record", (object) => writeFile(join(object.directory, "meta.json"), "{}")],
    ["an empty record", (object) => truncate(join(object.directory, "meta.json"))],
    ["a missing record", (object) => unlink(join(object.directory, "meta.json"))],
  ];

  it.each(damages)("%s: verify says so, removes the object, and it can be made again", async (_, damage) => {
    await keep("tree", "whole");
    const object = await keep("tree", "hurt");
    await damage(object);
    expect(await verifyCache(cache, never, () => {})).toMatchObject([{ kind: "tree", key: object.key }]);
    expect(await verifyCache(cache, never, () => {})).toEqual([]);
    expect(await titles()).toEqual(["whole"]);
    await keep("tree", "hurt");
    expect(await titles()).toEqual(["hurt", "whole"]);
  });

  it.each(damages)("%s: the next build does without it", async (_, damage) => {
    const object = await keep("tree", "hurt");
    await damage(object);
    const found = await findObject(cache, "tree", object.key);
    expect(found !== undefined && (await verifyObject(cache, found))).toBe(false);
    const again = await keep("tree", "hurt");
    expect(await verifyObject(cache, again)).toBe(true);
  });

  it("of a package is found, and references of clones are no damage", async () => {
    await addClone(await keep("disk", "base"));
    await writeFile(await keepPackage("deb"), "dab");
    expect(await verifyCache(cache, never, () => {})).toMatchObject([{ kind: "package" }]);
    expect(await titles()).toEqual(["base"]);
  });
});
