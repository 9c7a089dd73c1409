import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import {
  fileError,
  makeDirectory,
  moveGuestTree,
  removeTree,
  sha256File,
  sha256Text,
  syncPath,
  writeFileAtomically,
} from "../system/files.ts";
import { acquireLock } from "../system/lock.ts";
import { CommandError } from "../system/process.ts";
import { sealOf } from "../system/tree-seal.ts";
import { makeWorkDirectory, reapWorkDirectories, startOfOldestLiveWork } from "./work-directory.ts";

/** Folder of an object that names the clones which need it. */
export const REFERENCES = "refs";

/** Kinds of objects; a folder each. `lock` answers of the solver, `tree` operating systems, `disk` bootable disks without identity,
 * `memory` machines that have booted. */
export const OBJECT_KINDS = ["index", "lock", "tree", "disk", "memory"] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

const META = "meta.json";

/** What is recorded of an object: its files' hashes, and what its maker wants to know later. */
export interface ObjectMeta {
  readonly key: string;
  readonly title: string;
  readonly createdAt: string;
  readonly files: Readonly<Record<string, { sha256: string; sizeBytes: number }>>;
  /** Folders with files of many owners, which are never written to: see {@link sealOf}. */
  readonly folders?: Readonly<Record<string, { seal: string; sizeBytes: number }>>;
  readonly facts: unknown;
}

/** What an object is made of beside what its maker writes. */
export interface ObjectParts {
  /** SHA-256 of files for which it is known. */
  readonly hashes?: ReadonlyMap<string, string>;
  /** Folders that are moved into it, by their name there. */
  readonly folders?: Readonly<Record<string, { path: string; sizeBytes: number }>>;
}

/** A finished object of the cache. */
export interface CacheObject {
  readonly kind: ObjectKind;
  readonly key: string;
  readonly directory: string;
  readonly meta: ObjectMeta;
}

/** The content-addressed store of finished steps. Safe to share between builds of one user. */
export interface Cache {
  readonly directory: string;
  /** Where downloaded packages lie, named by their hash. */
  readonly packages: string;
}

/** `$XDG_CACHE_HOME/vmbuilder`, or what `VMBUILDER_CACHE_DIR` says. */
export function defaultCacheDirectory(env: Record<string, string | undefined> = process.env): string {
  return env.VMBUILDER_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vmbuilder");
}

/**
 * Opens a cache, makes its folders, and removes what dead builds left in its work folder.
 *
 * @throws usage when it is no folder; cache-unusable when it is another user's; path-unusable, disk-full
 */
export async function openCache(directory: string): Promise<Cache> {
  const root = resolve(directory);
  await checkOwner(root);
  const cache = { directory: root, packages: join(root, "packages") };
  await makeDirectory(root, 0o700);
  for (const name of ["packages", "work", ...OBJECT_KINDS.map((kind) => join("objects", kind))])
    await makeDirectory(join(root, name));
  await reapWorkDirectories(join(root, "work"));
  return cache;
}

/** Root of a user namespace, which all heavy work runs as, cannot reach what belongs to somebody else. */
async function checkOwner(root: string): Promise<void> {
  const info = await stat(root).catch(() => undefined);
  const uid = process.getuid?.();
  if (info && !info.isDirectory())
    throw new VmbuilderError("usage", `the cache ${root} is no folder`, { hint: "choose another --cache-dir" });
  if (!info || info.uid === uid) return;
  throw new VmbuilderError("cache-unusable", `the cache ${root} belongs to user ${info.uid}, not to ${uid}`, {
    hint: "choose another --cache-dir: each user has a cache of their own",
  });
}

/** Finds an object by its key, and marks it as used now. Its files are not read: see {@link verifyObject}. */
export async function findObject(cache: Cache, kind: ObjectKind, key: string): Promise<CacheObject | undefined> {
  const object = await readObject(cache, kind, key);
  if (object) await utimes(object.directory, new Date(), new Date()).catch(() => {}); // a read-only cache still serves
  return object;
}

/** Path of one file or folder of an object. */
export function objectFile(object: CacheObject, name: string): string {
  return join(object.directory, name);
}

/**
 * Reads an object's files and compares their hashes, and its folders' seals. A damaged object is set aside, so that it is
 * built anew.
 *
 * @param except files that somebody else verifies
 * @returns false when the object was damaged
 */
export async function verifyObject(
  cache: Cache,
  object: CacheObject,
  signal?: AbortSignal,
  except: readonly string[] = [],
): Promise<boolean> {
  for (const [name, expected] of Object.entries(object.meta.files)) {
    if (except.includes(name)) continue;
    const path = objectFile(object, name);
    const size = await stat(path).then(
      (info) => info.size,
      () => -1,
    );
    if (size === expected.sizeBytes && (await sha256File(path, signal)) === expected.sha256) continue;
    await setAside(cache, object.kind, object.key);
    return false;
  }
  for (const [name, { seal }] of Object.entries(object.meta.folders ?? {})) {
    if ((await readSeal(objectFile(object, name), signal)) === seal) continue;
    await setAside(cache, object.kind, object.key);
    return false;
  }
  return true;
}

/** A folder's seal; undefined when it can't be read. That no namespace is to be had is no damage, and is thrown. */
async function readSeal(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    return await sealOf(path, signal);
  } catch (error) {
    if (error instanceof CommandError && error.argv.includes("find") && error.status === 1) return undefined;
    throw error;
  }
}

/**
 * Makes an object: `make` fills a temporary folder and returns the facts to remember; the folder then takes its final
 * name in one step. If another build was faster, its object is returned.
 */
export async function commitObject(
  cache: Cache,
  kind: ObjectKind,
  key: string,
  title: string,
  make: (directory: string) => Promise<unknown>,
  { hashes = new Map(), folders = {} }: ObjectParts = {},
): Promise<CacheObject> {
  const directory = await makeWorkDirectory(join(cache.directory, "work"));
  try {
    const facts = await make(directory);
    const files: Record<string, { sha256: string; sizeBytes: number }> = {};
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) continue;
      const name = relative(directory, path);
      files[name] = { sha256: hashes.get(name) ?? (await sha256File(path)), sizeBytes: (await stat(path)).size };
      await syncPath(path);
    }
    const sealed: Record<string, { seal: string; sizeBytes: number }> = {};
    for (const [name, { path, sizeBytes }] of Object.entries(folders)) {
      await moveGuestTree(path, join(directory, name));
      sealed[name] = { seal: await sealOf(join(directory, name)), sizeBytes };
    }
    const parts = Object.keys(sealed).length > 0 ? { folders: sealed } : {};
    const meta: ObjectMeta = { key, title, createdAt: new Date().toISOString(), files, ...parts, facts };
    await writeFileAtomically(join(directory, META), formatMeta(meta));
    return await publish(cache, kind, key, directory, meta);
  } catch (error) {
    throw fileError(error, directory);
  } finally {
    await removeTree(directory);
  }
}

async function publish(
  cache: Cache,
  kind: ObjectKind,
  key: string,
  directory: string,
  meta: ObjectMeta,
): Promise<CacheObject> {
  const final = objectDirectory(cache, kind, key);
  try {
    await rename(directory, final);
  } catch {
    const other = await readObject(cache, kind, key); // sets a damaged one aside
    if (other) return other;
    await rename(directory, final);
  }
  await syncPath(join(cache.directory, "objects", kind));
  return { kind, key, directory: final, meta };
}

/** Runs `work` while no other build on this machine makes the same object. A dead holder's lock is free at once. */
export async function withObjectLock<T>(
  cache: Cache,
  kind: ObjectKind,
  key: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const release = await acquireLock(`${objectDirectory(cache, kind, key)}`, signal);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** All objects of a kind, the latest used first. */
export async function listObjects(cache: Cache, kind: ObjectKind): Promise<(CacheObject & { usedAtMs: number })[]> {
  const names = await readdir(join(cache.directory, "objects", kind));
  const objects = await Promise.all(
    names.map(async (key) => {
      const object = await readObject(cache, kind, key);
      return object && { ...object, usedAtMs: (await stat(object.directory)).mtimeMs };
    }),
  );
  return objects.filter((object) => object !== undefined).sort((a, b) => b.usedAtMs - a.usedAtMs);
}

/** Removes an object in one step. Readers that have its files open are not disturbed; who shows its folders has marked it as used. */
export async function removeObject(cache: Cache, object: CacheObject): Promise<void> {
  const aside = join(cache.directory, "work", `removed-${basename(object.directory).slice(0, 16)}-${process.pid}`);
  await rename(object.directory, aside);
  await removeTree(aside);
}

/** The moment before which nothing is in use by a build that still runs; now, when none runs. */
export function unusedBefore(cache: Cache): Promise<number> {
  return startOfOldestLiveWork(join(cache.directory, "work"));
}

async function readObject(cache: Cache, kind: ObjectKind, key: string): Promise<CacheObject | undefined> {
  const directory = objectDirectory(cache, kind, key);
  const text = await readFile(join(directory, META), "utf8").catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error && text.code !== "ENOENT") return undefined;
  const meta = text instanceof Error ? undefined : parseMeta(text);
  if (meta) return { kind, key, directory, meta };
  await setAside(cache, kind, key);
  return undefined;
}

/** Takes an object that proved to be damaged out of the way, so that it is built anew. */
export function discardObject(cache: Cache, { kind, key }: CacheObject): Promise<void> {
  return setAside(cache, kind, key);
}

/** Takes a damaged object out of the way, so that it is built anew. In a cache that can't be written, it stays unused. */
async function setAside(cache: Cache, kind: ObjectKind, key: string): Promise<void> {
  const aside = join(cache.directory, "work", `damaged-${kind}-${key.slice(0, 16)}-${randomUUID()}`);
  const moved = await rename(objectDirectory(cache, kind, key), aside).then(
    () => true,
    () => false,
  );
  if (moved) await removeTree(aside);
}

/** The record of an object, after a line with its own hash: what an object is said to hold decides what is built on it. */
function formatMeta(meta: ObjectMeta): string {
  const text = JSON.stringify(meta);
  return `${sha256Text(text)}\n${text}`;
}

function parseMeta(text: string): ObjectMeta | undefined {
  const end = text.indexOf("\n");
  const json = text.slice(end + 1);
  return text.slice(0, end) === sha256Text(json) ? (JSON.parse(json) as ObjectMeta) : undefined;
}

/** Folder of an object, whether it exists or not. */
export function objectDirectory(cache: Cache, kind: ObjectKind, key: string): string {
  return join(cache.directory, "objects", kind, key);
}
