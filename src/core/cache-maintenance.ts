import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256File } from "../system/files.ts";
import {
  type Cache,
  type CacheObject,
  listObjects,
  OBJECT_KINDS,
  type ObjectKind,
  objectFile,
  REFERENCES,
  removeObject,
  unusedBefore,
  verifyObject,
  withObjectLock,
} from "./cache.ts";

/** An entry of the cache, as people want to see it. */
export interface CacheEntry {
  readonly kind: ObjectKind | "package";
  readonly key: string;
  readonly title: string;
  readonly sizeBytes: number;
  readonly usedAtMs: number;
  /** Linked clones that need it. */
  readonly clones: readonly string[];
}

/** What garbage collection may take. */
export interface GarbageRules {
  /** Entries used later than this stay. */
  readonly usedBeforeMs: number;
  /** Beyond the first rule, the longest unused go until no more than this is left. */
  readonly maxBytes?: number;
}

/** Lists all of the cache: objects first, then packages. */
export async function listCache(cache: Cache): Promise<CacheEntry[]> {
  const objects = await Promise.all(OBJECT_KINDS.map((kind) => listObjects(cache, kind)));
  const counted = new Set<number>();
  const entries: CacheEntry[] = [];
  for (const object of objects.flat()) {
    const entry = await describeObject(object);
    entries.push({ ...entry, sizeBytes: entry.sizeBytes - (await countAgain(object, counted)) });
  }
  return [...entries, ...(await listPackages(cache))];
}

/** Bytes of an object's files that another has, too: a disk and those that have grown from it. They count as the latest used one's. */
async function countAgain(object: CacheObject, counted: Set<number>): Promise<number> {
  let sizeBytes = 0;
  for (const name of Object.keys(object.meta.files)) {
    const info = await stat(objectFile(object, name)).catch(() => undefined);
    if (!info || info.nlink === 1) continue;
    if (counted.has(info.ino)) sizeBytes += info.size;
    counted.add(info.ino);
  }
  return sizeBytes;
}

/**
 * Removes what isn't needed: nothing that a running build may use, and no disk that a linked clone stands on.
 *
 * @returns what was removed
 */
export async function collectGarbage(cache: Cache, rules: GarbageRules): Promise<CacheEntry[]> {
  const free = await unusedBefore(cache);
  const limit = Math.min(free, rules.usedBeforeMs);
  const all = await listCache(cache);
  const entries = all.filter(({ clones }) => clones.length === 0).sort((a, b) => a.usedAtMs - b.usedAtMs);
  let left = all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const removed: CacheEntry[] = [];
  for (const entry of entries) {
    const tooLarge = rules.maxBytes !== undefined && left > rules.maxBytes && entry.usedAtMs < free;
    if (entry.usedAtMs >= limit && !tooLarge) continue;
    await removeEntry(cache, entry);
    left -= entry.sizeBytes;
    removed.push(entry);
  }
  return removed;
}

/**
 * Reads everything and compares hashes; what is damaged is removed, so that it is made or fetched anew.
 *
 * @returns the damaged entries
 */
export async function verifyCache(
  cache: Cache,
  signal: AbortSignal,
  onEntry: (entry: CacheEntry) => void,
): Promise<CacheEntry[]> {
  const damaged: CacheEntry[] = [];
  for (const kind of OBJECT_KINDS) {
    const keys = await readdir(join(cache.directory, "objects", kind));
    const objects = await listObjects(cache, kind);
    const lost = keys.filter((key) => !objects.some((object) => object.key === key)); // listing removes those
    damaged.push(
      ...lost.map((key) => ({ kind, key, title: "without a record", sizeBytes: 0, usedAtMs: 0, clones: [] })),
    );
    for (const object of objects) {
      const entry = await describeObject(object);
      onEntry(entry);
      const intact = await withObjectLock(cache, kind, object.key, signal, () => verifyObject(cache, object, signal));
      if (!intact) damaged.push(entry);
    }
  }
  for (const entry of await listPackages(cache)) {
    onEntry(entry);
    const path = join(cache.packages, entry.key);
    if (`${await sha256File(path, signal)}.deb` === entry.key) continue;
    await rm(path, { force: true });
    damaged.push(entry);
  }
  return damaged;
}

async function describeObject(object: CacheObject & { usedAtMs: number }): Promise<CacheEntry> {
  const { files, folders = {} } = object.meta;
  const sizeBytes = [...Object.values(files), ...Object.values(folders)].reduce((sum, part) => sum + part.sizeBytes, 0);
  const { kind, key, meta, usedAtMs } = object;
  return { kind, key, title: meta.title, sizeBytes, usedAtMs, clones: await liveClones(object) };
}

async function liveClones(object: CacheObject): Promise<string[]> {
  const directory = join(object.directory, REFERENCES);
  const clones: string[] = [];
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => /^[0-9a-f]{64}$/.test(one))) {
    const image = (await readFile(join(directory, name), "utf8")).trim();
    if (
      await stat(image).then(
        () => true,
        () => false,
      )
    )
      clones.push(image);
  }
  return clones;
}

async function listPackages(cache: Cache): Promise<CacheEntry[]> {
  const names = (await readdir(cache.packages)).filter((name) => name.endsWith(".deb"));
  return Promise.all(
    names.map(async (name) => {
      const info = await stat(join(cache.packages, name));
      return {
        kind: "package" as const,
        key: name,
        title: "",
        sizeBytes: info.size,
        usedAtMs: info.mtimeMs,
        clones: [],
      };
    }),
  );
}

async function removeEntry(cache: Cache, entry: CacheEntry): Promise<void> {
  if (entry.kind === "package") return rm(join(cache.packages, entry.key), { force: true });
  const object = (await listObjects(cache, entry.kind)).find(({ key }) => key === entry.key);
  if (object) await removeObject(cache, object);
}
