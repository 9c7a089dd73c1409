import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { commitObject } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { derivedUuid } from "../core/derived-uuid.ts";
import { BOOT_FILES, type Distro } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import type { DiskIds } from "../model/identity.ts";
import type { Plan } from "../model/plan.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import { biosBootPatches, makeEspPartition } from "../system/boot-areas.ts";
import { convertImage, makeSparseFile, patchRaw } from "../system/disk-image.ts";
import { makeExt4 } from "../system/ext4.ts";
import { keepStructure } from "../system/ext4-structure.ts";
import { unpackTree } from "../system/tree-archive.ts";
import type { Extent } from "../system/undo-file.ts";
import { BASE_IMAGE, type BaseDisk, structureIn } from "./base-disk.ts";
import { TREE_ARCHIVE } from "./head-start.ts";
import type { Tree } from "./install.ts";

/** Raised when what {@link assembleBase} produces changes. */
const DISK_VERSION = 3;
const LOADER_NAMES = { amd64: "BOOTX64.EFI", arm64: "BOOTAA64.EFI" };

/** The key of the base disk that a tree and a storage plan lead to. */
export function baseKey(treeKey: string, plan: Plan): string {
  return stepKey("disk", DISK_VERSION, { tree: treeKey, disk: plan.disk });
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
  const structure = structureIn(context.workDirectory);
  await runStep(context, "assemble/filesystem", "Make file systems", async () => {
    await makeSparseFile(raw, plan.disk.sizeBytes);
    await makeExt4(raw, rootExtent(plan.disk), ids.rootUuid, directory, signal);
    await Promise.all([
      keepStructure(raw, rootExtent(plan.disk), structure.archive, signal),
      makeEspPartition(
        raw,
        plan.disk,
        ids.espSerial,
        join(tree.bootDirectory, BOOT_FILES.efi),
        LOADER_NAMES[plan.architecture],
        signal,
      ),
    ]);
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
  return { key, title: tree.title, disk: { path: raw, format: "raw" }, structure, facts };
}

/** Puts a base disk that was just made into the cache. */
export async function keepBase(base: BaseDisk, context: BuildContext): Promise<void> {
  await runStep(context, "assemble/keep", "Keep the disk in the cache", () =>
    commitObject(context.cache, "disk", base.key, base.title, async (target) => {
      await Promise.all([
        convertImage(base.disk.path, base.disk.format, join(target, BASE_IMAGE), "qcow2", [], context.signal),
        copyFile(base.structure.archive, structureIn(target).archive),
      ]);
      return base.facts;
    }),
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
  const uuid = (name: string) => derivedUuid(key, name);
  return {
    diskGuid: uuid("disk"),
    partitionGuids: Object.fromEntries(disk.partitions.map(({ role }) => [role, uuid(role)])),
    rootUuid: uuid("root file system"),
    swapUuid: uuid("swap"),
    espSerial: uuid("esp serial").slice(0, 8).toUpperCase(),
  };
}
