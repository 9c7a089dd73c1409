import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Cache, type CacheObject, commitObject, findObject, objectDirectory, objectFile } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { BOOT_FILES, type Distro, type TreeFacts } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import type { DiskIds, Identity } from "../model/identity.ts";
import type { Plan } from "../model/plan.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import { biosBootPatches, makeEspPartition } from "../system/boot-areas.ts";
import { writeDiskIdentity } from "../system/disk-identity.ts";
import { convertImage, makeSparseFile, patchRaw } from "../system/disk-image.ts";
import { type Extent, makeExt4 } from "../system/ext4.ts";
import { unpackTree } from "../system/tree-archive.ts";
import { TREE_ARCHIVE, type Tree } from "./install.ts";

/** A bootable disk without identity: what every machine with these packages and sizes starts from. */
export interface BaseDisk {
  readonly key: string;
  readonly title: string;
  readonly image: string;
  readonly imageFormat: "raw" | "qcow2";
  readonly facts: BaseFacts;
}

/** What is remembered of a base disk: enough to make machines from it without its tree. */
export interface BaseFacts {
  readonly tree: TreeFacts;
  readonly disk: DiskPlan;
  readonly distro: string;
}

/** Raised when what {@link assembleBase} produces changes. */
const DISK_VERSION = 2;
const BASE_IMAGE = "disk.qcow2";
const LOADER_NAMES = { amd64: "BOOTX64.EFI", arm64: "BOOTAA64.EFI" };

/** The key of the base disk that a tree and a storage plan lead to. */
export function baseKey(treeKey: string, plan: Plan): string {
  return stepKey("disk", DISK_VERSION, { tree: treeKey, disk: plan.disk });
}

/** Finds a finished base disk in the cache. Its content isn't read: see {@link verifyObject}. */
export async function findBase(
  key: string,
  context: Pick<BuildContext, "cache">,
): Promise<(BaseDisk & { object: CacheObject }) | undefined> {
  const object = await findObject(context.cache, "disk", key);
  if (!object) return undefined;
  const facts = object.meta.facts as BaseFacts;
  return { key, title: object.meta.title, image: objectFile(object, BASE_IMAGE), imageFormat: "qcow2", facts, object };
}

/** Path that a base disk's image has in the cache, or will have. */
export function cachedBaseImage(cache: Cache, key: string): string {
  return join(objectDirectory(cache, "disk", key), BASE_IMAGE);
}

/**
 * Makes a disk from a tree: file systems and boot loader for BIOS and UEFI. Its partition table and swap header, which are
 * nothing but ids, come with each machine's identity. Nothing is mounted.
 *
 * @throws tree-too-large, disk-full, image-unbootable
 */
export async function assembleBase(distro: Distro, plan: Plan, tree: Tree, context: BuildContext): Promise<BaseDisk> {
  const { signal } = context;
  const key = baseKey(tree.key, plan);
  const ids = baseIds(key, plan.disk);
  const directory = tree.directory ?? (await unpackCached(tree, context));
  const raw = join(context.workDirectory, "disk.raw");
  await runStep(context, "assemble/filesystem", "Make file systems", async () => {
    await makeSparseFile(raw, plan.disk.sizeBytes);
    await makeExt4(raw, rootExtent(plan.disk), ids.rootUuid, directory, signal);
    await makeEspPartition(
      raw,
      plan.disk,
      ids.espSerial,
      join(tree.bootDirectory, BOOT_FILES.efi),
      LOADER_NAMES[plan.architecture],
      signal,
    );
    if (plan.architecture === "amd64") {
      await patchRaw(
        raw,
        await biosBootPatches(
          plan.disk,
          join(tree.bootDirectory, BOOT_FILES.mbr),
          join(tree.bootDirectory, BOOT_FILES.core),
        ),
      );
    }
  });
  const facts = { tree: tree.facts, disk: plan.disk, distro: distro.name };
  return { key, title: tree.title, image: raw, imageFormat: "raw", facts };
}

/** Puts a base disk that was just made into the cache. */
export async function keepBase(base: BaseDisk, context: BuildContext): Promise<void> {
  await runStep(context, "assemble/keep", "Keep the disk in the cache", () =>
    commitObject(context.cache, "disk", base.key, base.title, async (target) => {
      await convertImage(base.image, base.imageFormat, join(target, BASE_IMAGE), "qcow2", [], context.signal);
      return base.facts;
    }),
  );
}

/**
 * Makes one machine's disk: a thin image over the base that holds its ids and files.
 *
 * @param scratch folder for temporary files
 * @param atSeconds time stamp of the written files
 */
export async function identifyDisk(
  distro: Distro,
  base: BaseDisk,
  identity: Identity,
  overlay: string,
  scratch: string,
  atSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { tree, disk } = base.facts;
  const edits = distro.identify(identity, tree, disk);
  const { image, imageFormat } = base;
  await writeDiskIdentity(
    { base: image, baseFormat: imageFormat, overlay, plan: disk, ids: identity.ids, edits, atSeconds, scratch },
    signal,
  );
}

async function unpackCached(tree: Tree, context: BuildContext): Promise<string> {
  const directory = join(context.workDirectory, "tree");
  await mkdir(directory, { mode: 0o755 });
  await runStep(context, "assemble/tree", "Unpack the cached system", () =>
    unpackTree(join(tree.bootDirectory, TREE_ARCHIVE), directory, context.signal),
  );
  return directory;
}

function rootExtent(disk: DiskPlan): Extent {
  const root = partitionOf(disk, "root");
  return { offsetBytes: root.startSector * SECTOR_BYTES, sizeBytes: root.sizeSectors * SECTOR_BYTES };
}

/** Ids of the base follow from its key, so that the same inputs give the same bytes. */
function baseIds(key: string, disk: DiskPlan): DiskIds {
  const uuid = (name: string) => {
    const hex = createHash("sha256").update(`${key} ${name}`).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
  return {
    diskGuid: uuid("disk"),
    partitionGuids: Object.fromEntries(disk.partitions.map(({ role }) => [role, uuid(role)])),
    rootUuid: uuid("root file system"),
    swapUuid: uuid("swap"),
    espSerial: uuid("esp serial").slice(0, 8).toUpperCase(),
  };
}
