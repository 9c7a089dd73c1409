import { join } from "node:path";
import { type Cache, type CacheObject, findObject, objectDirectory, objectFile } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { Distro, TreeFacts } from "../core/distro.ts";
import type { Identity } from "../model/identity.ts";
import type { DiskPlan } from "../model/storage-plan.ts";
import { writeDiskIdentity } from "../system/disk-identity.ts";
import type { Structure } from "../system/ext4-structure.ts";
import type { BackingDisk } from "../system/qcow2-overlay.ts";

/** A bootable disk without identity: what every machine with these packages and sizes starts from. */
export interface BaseDisk {
  readonly key: string;
  readonly title: string;
  readonly disk: BackingDisk;
  /** The structure of its root file system; see {@link keepStructure}. */
  readonly structure: Structure;
  readonly facts: BaseFacts;
}

/** What is remembered of a base disk: enough to make machines from it without its tree. */
export interface BaseFacts {
  readonly tree: TreeFacts;
  readonly disk: DiskPlan;
  readonly distro: string;
}

/** Name of a base disk's image in the cache. */
export const BASE_IMAGE = "disk.qcow2";

/** Finds a finished base disk in the cache. Its content isn't read: see {@link verifyObject}. */
export async function findBase(
  key: string,
  context: Pick<BuildContext, "cache">,
): Promise<(BaseDisk & { object: CacheObject }) | undefined> {
  const object = await findObject(context.cache, "disk", key);
  if (!object) return undefined;
  const facts = object.meta.facts as BaseFacts;
  const disk = { path: objectFile(object, BASE_IMAGE), format: "qcow2" as const };
  return { key, title: object.meta.title, disk, structure: structureIn(object.directory), facts, object };
}

/** Where a folder keeps the structure of a disk's root file system. */
export function structureIn(directory: string): Structure {
  return { archive: join(directory, "root-structure.tar"), ready: join(directory, "root-structure.ready") };
}

/** Path that a base disk's image has in the cache, or will have. */
export function cachedBaseImage(cache: Cache, key: string): string {
  return join(objectDirectory(cache, "disk", key), BASE_IMAGE);
}

/**
 * Makes one machine's disk: a thin image over the base that holds its ids and files.
 *
 * @param atSeconds time stamp of the written files
 */
export async function identifyDisk(
  distro: Distro,
  base: BaseDisk,
  identity: Identity,
  overlay: string,
  atSeconds: number,
  { workDirectory: scratch, signal }: Pick<BuildContext, "workDirectory" | "signal">,
): Promise<void> {
  const { tree, disk: plan } = base.facts;
  const edits = distro.identify(identity, tree, plan);
  const { disk, structure } = base;
  await writeDiskIdentity(
    { base: disk, structure, overlay, plan, ids: identity.ids, edits, atSeconds, scratch },
    signal,
  );
}
