import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Cache,
  commitObject,
  defaultCacheDirectory,
  findObject,
  listObjects,
  objectDirectory,
  objectFile,
  openCache,
  removeObject,
  verifyObject,
  withObjectLock,
} from "./cache.ts";

const KEY = "a".repeat(64);
let directory: string;
let cache: Cache;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-cache-"));
  cache = await openCache(directory);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const commit = (content = "hello", key = KEY) =>
  commitObject(cache, "tree", key, "a tree", async (folder) => {
    await writeFile(join(folder, "file"), content);
    return { answer: 42 };
  });
const workFolders = () => readdir(join(directory, "work"));

describe("defaultCacheDirectory", () => {
  it.each([
    [{ VMBUILDER_CACHE_DIR: "/a", XDG_CACHE_HOME: "/b" }, "/a"],
    [{ VMBUILDER_CACHE_DIR: "", XDG_CACHE_HOME: "/b" }, "/b/vmbuilder"],
    [{}, /\/\.cache\/vmbuilder$/],
  ])("%j", (env, expected) => {
    expect(defaultCacheDirectory(env)).toMatch(expected);
  });
});

describe("commitObject", () => {
  it("makes an object that is found, verified and listed, and leaves no work", async () => {
    const made = await commit();
    const found = await findObject(cache, "tree", KEY);
    expect(found).toEqual(made);
    expect(found?.meta).toMatchObject({
      key: KEY,
      title: "a tree",
      facts: { answer: 42 },
      files: { file: { sizeBytes: 5 } },
    });
    expect(await verifyObject(cache, made)).toBe(true);
    expect((await listObjects(cache, "tree")).map(({ key }) => key)).toEqual([KEY]);
    expect(await workFolders()).toEqual([]);
  });

  it("shows nothing of an object before all of it is there", async () => {
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const made = commitObject(cache, "tree", KEY, "slow", async (folder) => {
      await writeFile(join(folder, "file"), "half");
      begun.resolve();
      await goOn.promise;
    });
    await begun.promise;
    expect(await findObject(cache, "tree", KEY)).toBeUndefined();
    expect(await listObjects(cache, "tree")).toEqual([]);
    goOn.resolve();
    expect(await findObject(cache, "tree", (await made).key)).toBeDefined();
  });

  it("leaves nothing when its maker fails, and then succeeds", async () => {
    const failing = commitObject(cache, "tree", KEY, "bad", async (folder) => {
      await writeFile(join(folder, "file"), "half");
      throw new Error("out of luck");
    });
    await expect(failing).rejects.toThrow("out of luck");
    expect(await findObject(cache, "tree", KEY)).toBeUndefined();
    expect(await workFolders()).toEqual([]);
    await commit();
    expect(await findObject(cache, "tree", KEY)).toBeDefined();
  });

  it("agrees with another that was faster: of two commits of one key, both get the first", async () => {
    const [one, two] = await Promise.all([commit("one"), commit("two")]);
    const kept = await readFile(objectFile(one, "file"), "utf8");
    for (const object of [one, two]) {
      expect(object.directory).toBe(objectDirectory(cache, "tree", KEY));
      expect(await verifyObject(cache, object)).toBe(true);
    }
    expect(["one", "two"]).toContain(kept);
    expect(one.meta).toEqual(two.meta);
    expect(await workFolders()).toEqual([]);
  });
});

describe("a damaged object", () => {
  it.each([
    ["a flipped byte", (file: string) => writeFile(file, "jello")],
    ["a shorter file", (file: string) => writeFile(file, "hell")],
    ["a missing file", (file: string) => rm(file)],
  ])("is set aside after %s, and can be made anew", async (_name, damage) => {
    const object = await commit();
    await damage(objectFile(object, "file"));
    expect(await verifyObject(cache, object)).toBe(false);
    expect(await findObject(cache, "tree", KEY)).toBeUndefined();
    expect(await verifyObject(cache, await commit())).toBe(true);
    expect(await workFolders()).toEqual([]);
  });

  it.each([
    ["changed", (text: string) => text.replace('"answer":42', '"answer":43')],
    ["cut short", (text: string) => text.slice(0, -10)],
    ["empty", () => ""],
    ["no JSON", () => "\0\0\0"],
  ])("isn't believed when its record is %s", async (_name, spoil) => {
    const object = await commit();
    const meta = join(object.directory, "meta.json");
    await writeFile(meta, spoil(await readFile(meta, "utf8")));
    expect(await findObject(cache, "tree", KEY)).toBeUndefined();
    expect((await findObject(cache, "tree", (await commit()).key))?.meta.facts).toEqual({ answer: 42 });
  });

  it.each([
    ["a record that is gone", (object: string) => rm(join(object, "meta.json"))],
    ["a record that is broken", (object: string) => writeFile(join(object, "meta.json"), "x")],
  ])("gives way to a new one, with %s when the new one is committed", async (_name, damage) => {
    await damage((await commit("old")).directory);
    const object = await commit("new");
    expect(await readFile(objectFile(object, "file"), "utf8")).toBe("new");
    expect(await verifyObject(cache, object)).toBe(true);
  });
});

describe("objects in use", () => {
  it("are marked by every find", async () => {
    const { directory: folder } = await commit();
    await utimes(folder, 1000, 1000);
    await findObject(cache, "tree", KEY);
    expect((await stat(folder)).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it("are listed by their last use", async () => {
    const other = "b".repeat(64);
    await utimes((await commit()).directory, 1000, 1000);
    await commit("x", other);
    expect((await listObjects(cache, "tree")).map(({ key }) => key)).toEqual([other, KEY]);
  });

  it("go in one step", async () => {
    await removeObject(cache, await commit());
    expect(await readdir(join(directory, "objects", "tree"))).toEqual([]);
    expect(await workFolders()).toEqual([]);
  });
});

describe("withObjectLock", () => {
  it("lets one work at a time on one object, and others on others", async () => {
    const signal = new AbortController().signal;
    const log: string[] = [];
    const work = (name: string, key: string) =>
      withObjectLock(cache, "tree", key, signal, async () => {
        log.push(`${name} begins`);
        await delay(20);
        log.push(`${name} ends`);
      });
    await Promise.all([work("first", KEY), delay(5).then(() => work("second", KEY)), work("other", "b".repeat(64))]);
    const same = log.filter((line) => !line.startsWith("other"));
    expect(same).toEqual(["first begins", "first ends", "second begins", "second ends"]);
    expect(log.indexOf("other begins")).toBeLessThan(log.indexOf("first ends"));
  });

  it("is released when the work fails", async () => {
    const signal = new AbortController().signal;
    const failing = withObjectLock(cache, "tree", KEY, signal, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await withObjectLock(cache, "tree", KEY, signal, () => Promise.resolve(1))).toBe(1);
  });
});

describe("openCache", () => {
  it("removes what dead builds left", async () => {
    await mkdir(join(directory, "work", "1.2.3", "tree"), { recursive: true });
    await openCache(directory);
    expect(await workFolders()).toEqual([]);
  });

  it("names a folder that cannot be made", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    await expect(openCache(join(file, "cache"))).rejects.toMatchObject({
      code: "path-unusable",
      message: expect.stringContaining(file),
    });
  });
});
