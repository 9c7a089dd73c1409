import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, discardObject, verifyObject } from "../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../core/context.ts";
import { placedVolumes } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { SECTOR_BYTES } from "../model/storage-plan.ts";
import { mountsOf } from "../model/storage-request.ts";
import { packStructure, takeStructure } from "../system/ext4-structure.ts";
import { growExt4 } from "../system/grow-ext4.ts";
import { hashImage } from "../system/qcow2-base.ts";
import { readOverlay, writeOverlay } from "../system/qcow2-overlay.ts";
import { measurePart } from "../system/tree-parts.ts";
import { baseKey, type NewBase } from "./assemble.ts";
import { type BaseDisk, baseImage, findBase, GROWTH, plansOf, structuredVolumes, structureIn } from "./base-disk.ts";
import type { Tree } from "./install.ts";
import type { KeptFacts } from "./kept-tree.ts";

/** What is written is held in memory, and comes into each clone. */
const MOST_CHANGED_BYTES = 32 * 1024 * 1024;

/** The base disk of the tree that a tree has grown from. */
export type Ground = BaseDisk;

/** Whether all of a plan's tree is in one ext4, into which debugfs can write. */
function isOneFileSystem(plan: Plan): boolean {
  const volumes = plansOf(plan).flatMap(placedVolumes);
  const mounted = volumes.filter(({ volume }) => mountsOf(volume).length > 0);
  return plansOf(plan).length === 1 && mounted.length === 1 && structuredVolumes(plan.disk).length === 1;
}

/**
 * Finds the disk of the tree that is being grown, and reads it while packages are installed.
 *
 * @param withTwin whether the machine's own disk will begin with the same bytes, which are then written meanwhile
 * @returns undefined when there is none, or it can't grow
 */
export async function findGround(
  on: CacheObject,
  plan: Plan,
  withTwin: boolean,
  context: BuildContext,
): Promise<Ground | undefined> {
  if (!isOneFileSystem(plan)) return undefined;
  const base = await findBase(baseKey(on.key, plan), context);
  const [disk] = base?.disks ?? [];
  const { made } = on.meta.facts as KeptFacts;
  if (!base || !disk || made === undefined || (base.facts.tree as KeptFacts).made !== made) return undefined;
  const name = baseImage(0);
  if (!(await verifyObject(context.cache, base.object, context.signal, withTwin ? [name] : []))) return undefined;
  if (!withTwin) return base;
  const image = await hashImage(disk.path, join(context.workDirectory, "ground.twin"), context.signal);
  if (image.sha256 === base.object.meta.files[name]?.sha256) return { ...base, images: Promise.resolve([image]) };
  await discardObject(context.cache, base.object);
  return undefined;
}

/**
 * Makes the disk of a tree from that of the tree which it has grown from: what is new is written beside it. That takes a
 * twentieth of making the file system anew, and as much less of the cache.
 *
 * @returns undefined when it can't be done, or would be no gain
 */
export async function growBase(
  plan: Plan,
  tree: Tree,
  ground: Ground,
  context: BuildContext,
): Promise<NewBase | undefined> {
  const { workDirectory, signal } = context;
  const changes = tree.grownFrom?.changes;
  const [disk] = ground.disks;
  const [placed] = structuredVolumes(plan.disk);
  if (changes === undefined || !disk || !placed) return undefined;
  return runStep(context, "assemble/filesystem", "Write what is new into the disk", async () => {
    if ((await measurePart(changes, signal)) > MOST_CHANGED_BYTES) return undefined;
    const folder = join(workDirectory, "growth");
    await mkdir(folder);
    await takeStructure(structureIn(ground.directory, 0, placed), folder, signal);
    const written = await growExt4(changes, folder, Math.floor(Date.now() / 1000), signal);
    if (!written) {
      logLine(context, "assemble", "debug", "what is new can't be written into the disk, which is made anew");
      return undefined;
    }
    const startBytes = placed.startSector * SECTOR_BYTES;
    const patches = written.map(({ offsetBytes, bytes }) => ({ offsetBytes: startBytes + offsetBytes, bytes }));
    const before = ground.growth === undefined ? [] : await readOverlay(ground.growth);
    const growth = join(workDirectory, GROWTH);
    await writeOverlay(disk, growth, plan.disk.sizeBytes, [...before, ...patches]);
    await packStructure(folder, structureIn(workDirectory, 0, placed), signal);
    return {
      key: baseKey(tree.key, plan),
      title: tree.title,
      disks: ground.disks,
      images: ground.images,
      growth,
      directory: workDirectory,
      facts: { ...ground.facts, tree: tree.facts },
    };
  });
}
