import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, findObject, objectFile } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { Distro, TreeFacts } from "../core/distro.ts";
import type { FileEdit } from "../model/file-edit.ts";
import type { DiskIds, Identity } from "../model/identity.ts";
import { type PlacedVolume, pathBelow, placedVolumes, volumeUuid } from "../model/placed-volume.ts";
import { contentOf, type DiskPlan } from "../model/storage-plan.ts";
import { type EditedFileSystem, writeDiskIdentity } from "../system/disk-identity.ts";
import type { Structure } from "../system/ext4-structure.ts";
import type { BaseImage } from "../system/qcow2-base.ts";
import type { BackingDisk } from "../system/qcow2-tables.ts";

/** Bootable disks without identity: what every machine with these packages and sizes starts from. */
export interface BaseDisk {
  readonly key: string;
  readonly title: string;
  /** Images of its disks; the machine boots from the first. */
  readonly disks: readonly BackingDisk[];
  /** The same disks as the cache holds them. */
  readonly images: Promise<readonly BaseImage[]>;
  /** Where the structures of its file systems lie; see {@link structureIn}. */
  readonly directory: string;
  readonly facts: BaseFacts;
  /** What the first disk holds beside its image, which another base has made: that base has grown into this one. */
  readonly growth?: string | undefined;
  /** Made for one machine alone: its files are in it, and what lacks is the partition table. */
  readonly isOwn?: boolean;
}

/** What is remembered of a base disk: enough to make machines from it without its tree. */
export interface BaseFacts {
  readonly tree: TreeFacts;
  readonly disk: DiskPlan;
  /** Further disks, if there are any. */
  readonly moreDisks?: readonly DiskPlan[];
  readonly distro: string;
}

/** All disks of a base. */
export function plansOf({ disk, moreDisks = [] }: Pick<BaseFacts, "disk" | "moreDisks">): readonly DiskPlan[] {
  return [disk, ...moreDisks];
}

/** Name of a base disk's image in the cache; the first is number 0. */
export function baseImage(index: number): string {
  return index === 0 ? "disk.qcow2" : `disk-${index + 1}.qcow2`;
}

/** Name of what a base has grown by, in the cache. */
export const GROWTH = "growth.qcow2";

/** Finds a finished base disk in the cache. Its content isn't read: see {@link verifyObject}. */
export async function findBase(
  key: string,
  context: Pick<BuildContext, "cache">,
): Promise<(BaseDisk & { object: CacheObject }) | undefined> {
  const object = await findObject(context.cache, "disk", key);
  if (!object) return undefined;
  const facts = object.meta.facts as BaseFacts;
  const names = plansOf(facts).map((_, index) => baseImage(index));
  const images = names.map((name) => ({
    path: objectFile(object, name),
    sha256: object.meta.files[name]?.sha256 ?? "",
  }));
  const disks = images.map(({ path }) => ({ path, format: "qcow2" as const }));
  const { title } = object.meta;
  const growth = object.meta.files[GROWTH] ? objectFile(object, GROWTH) : undefined;
  return { key, title, disks, images: Promise.resolve(images), growth, directory: object.directory, facts, object };
}

/** Where a folder keeps the structure of an ext4. */
export function structureIn(directory: string, index: number, { name }: Pick<PlacedVolume, "name">): Structure {
  const prefix = fileName(index, { name });
  return { archive: join(directory, `${prefix}-structure.tar`), ready: join(directory, `${prefix}-structure.ready`) };
}

function fileName(index: number, { name }: Pick<PlacedVolume, "name">): string {
  const own = name.replaceAll("/", "+");
  return index === 0 ? own : `${index + 1}-${own}`;
}

/** The volumes of a disk that are edited by their structure: ext4 that isn't encrypted. */
export function structuredVolumes(disk: DiskPlan): PlacedVolume[] {
  return placedVolumes(disk).filter(({ volume, partition }) => volume.fs === "ext4" && !contentOf(partition).luks);
}

/**
 * Makes one machine's disks: thin images over the base that hold its ids and files.
 *
 * @param overlays an image for each disk
 * @param atSeconds time stamp of the written files
 */
export async function identifyDisks(
  distro: Distro,
  base: BaseDisk,
  identity: Identity,
  overlays: readonly string[],
  atSeconds: number,
  { workDirectory, signal }: Pick<BuildContext, "workDirectory" | "signal">,
): Promise<void> {
  const plans = plansOf(base.facts);
  const edits = distro.identify(identity, base.facts.tree, base.facts.disk, base.facts.moreDisks);
  const edited = (plan: DiskPlan) => (base.isOwn ? [] : structuredVolumes(plan));
  const mounts = plans.flatMap((plan) => edited(plan).map(({ volume }) => volume.mount ?? ""));
  await Promise.all(
    plans.map(async (plan, index) => {
      const [disk, overlay] = [base.disks[index], overlays[index]];
      if (!disk || overlay === undefined) return;
      const ids = idsOf(identity, index);
      const fileSystems = await Promise.all(
        edited(plan).map(async (placed): Promise<EditedFileSystem> => {
          const isRoot = placed.name === "root";
          const scratch = isRoot ? workDirectory : join(workDirectory, `identity-${fileName(index, placed)}`);
          if (!isRoot) await mkdir(scratch);
          return {
            structure: structureIn(base.directory, index, placed),
            place: placed,
            uuid: volumeUuid(ids, placed),
            edits: editsWithin(edits, placed.volume.mount ?? "", mounts),
            scratch,
          };
        }),
      );
      const growth = index === 0 ? base.growth : undefined;
      await writeDiskIdentity({ base: disk, growth, overlay, plan, ids, fileSystems, atSeconds }, signal);
    }),
  );
}

/** The ids of a machine's disk. */
export function idsOf({ ids, moreIds = [] }: Pick<Identity, "ids" | "moreIds">, index: number): DiskIds {
  return index === 0 ? ids : (moreIds[index - 1] ?? ids);
}

/** The edits of those files that lie in the file system of a mount point, with their paths there. */
function editsWithin(edits: readonly FileEdit[], mount: string, mounts: readonly string[]): FileEdit[] {
  if (mounts.length === 1) return [...edits];
  return edits.flatMap((edit) => {
    const owner = mounts
      .filter((one) => pathBelow(one, edit.path) !== undefined)
      .reduce((longest, one) => (one.length > longest.length ? one : longest), "");
    const path = pathBelow(mount, edit.path);
    return owner === mount && path !== undefined ? [{ ...edit, path }] : [];
  });
}
