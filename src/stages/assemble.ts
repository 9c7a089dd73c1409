import { copyFile, link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { commitObject } from "../core/cache.ts";
import { type BuildContext, epochEnvironment, runStep } from "../core/context.ts";
import { derivedUuid } from "../core/derived-uuid.ts";
import { BOOT_FILES, type Distro } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import { together } from "../core/together.ts";
import type { DiskIds } from "../model/identity.ts";
import {
  bootPlace,
  namesOfUuids,
  type PlacedVolume,
  pathBelow,
  placedVolumes,
  volumeUuid,
} from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { type DiskPlan, type Partition, partitionName, SECTOR_BYTES } from "../model/storage-plan.ts";
import { mountsOf } from "../model/storage-request.ts";
import { biosBootPatches, makeEspPartition } from "../system/boot-areas.ts";
import { makeSparseFile, patchRaw } from "../system/disk-image.ts";
import { makeExt4, makePartialExt4, type TreePart } from "../system/ext4.ts";
import { readStructure } from "../system/ext4-structure.ts";
import { pinInodeTimes } from "../system/ext4-times.ts";
import { cleanEnvironment } from "../system/process.ts";
import { type BaseImage, fitsInPlace, hashImage, PART_OFFSET_BYTES, settleImage } from "../system/qcow2-base.ts";
import type { Extent } from "../system/undo-file.ts";
import {
  type BaseDisk,
  type BaseFacts,
  baseImage,
  GROWTH,
  plansOf,
  structuredVolumes,
  structureIn,
} from "./base-disk.ts";
import { type Tree, treeFolder } from "./install.ts";

/** Raised when what {@link assembleBase} produces changes. */
const DISK_VERSION = 5;
const LOADER_NAMES = { amd64: "BOOTX64.EFI", arm64: "BOOTAA64.EFI", riscv64: "BOOTRISCV64.EFI" };

/** The key of the base disk that a tree and a storage plan lead to. */
export function baseKey(treeKey: string, plan: Plan): string {
  return stepKey("disk", DISK_VERSION, {
    tree: treeKey,
    ...diskFacts(plan),
    ...(plan.hasOldLoader ? { hasOldLoader: true } : {}),
  });
}

/** A base that was just made; its images are still to be read, unless it has grown from another. */
export type NewBase = Omit<BaseDisk, "images"> & Partial<Pick<BaseDisk, "images">>;

/**
 * Makes disks from a tree: file systems and boot loader for BIOS and UEFI. Their partition tables and swap headers, which
 * are nothing but ids, come with each machine's identity. Nothing is mounted.
 *
 * @throws tree-too-large, disk-full, image-unbootable, storage-impossible
 */
export async function assembleBase(distro: Distro, plan: Plan, tree: Tree, context: BuildContext): Promise<NewBase> {
  const key = baseKey(tree.key, plan);
  const directory = await treeFolder(tree, context);
  const facts = { tree: tree.facts, ...diskFacts(plan), distro: distro.name };
  const images = plansOf(facts).map((_, index) => join(context.workDirectory, baseImage(index)));
  await runStep(context, "assemble/filesystem", "Make file systems", async () => {
    const bootDirectory = await findBootFiles(distro, plan, tree, directory, context);
    for (const [index, disk] of plansOf(facts).entries())
      await makeDisk({ key, plan, directory, bootDirectory }, disk, index, images[index] ?? "", context);
  });
  const disks = images.map((path) => ({ path, format: "qcow2" as const }));
  return { key, title: tree.title, disks, directory: context.workDirectory, facts };
}

function diskFacts({ disk, moreDisks = [] }: Plan): Pick<BaseFacts, "disk" | "moreDisks"> {
  return { disk, ...(moreDisks.length > 0 ? { moreDisks } : {}) };
}

/** The tree's own images look for root on the first partition of a GPT disk. */
export async function findBootFiles(
  distro: Distro,
  { disk, architecture }: Pick<Plan, "disk" | "architecture">,
  { bootDirectory }: Tree,
  directory: string,
  { workDirectory, signal }: BuildContext,
): Promise<string> {
  const { label, partition, directory: configuration } = bootPlace(disk);
  if (label === "gpt" && partition === 1 && configuration === "/boot/grub") return bootDirectory;
  const own = join(workDirectory, "boot-images");
  await mkdir(own);
  await distro.makeBootFiles(directory, architecture, { label, partition, directory: configuration }, own, signal);
  return own;
}

/** What a base's disks are made from. */
interface Material {
  readonly key: string;
  readonly plan: Plan;
  readonly directory: string;
  readonly bootDirectory: string;
}

async function makeDisk(
  { key, plan, directory, bootDirectory }: Material,
  disk: DiskPlan,
  index: number,
  image: string,
  { workDirectory, signal, epochSeconds }: BuildContext,
): Promise<void> {
  const env = { ...cleanEnvironment(), ...epochEnvironment({ epochSeconds }) };
  const ids = baseIds(index === 0 ? key : `${key} ${index + 1}`, disk);
  const kind = plan.hasOldLoader ? "unsummed" : "summed";
  const mounts = plansOf(plan).flatMap((one) => placedVolumes(one).flatMap(({ volume }) => mountsOf(volume)));
  const volumes = structuredVolumes(disk);
  const inPlace = volumes.find(({ volume }) => mountsOf(volume).includes("/")) ?? volumes[0];
  const part = inPlace && fitsInPlace(extentOf(inPlace)) ? extentOf(inPlace) : undefined;
  const raw = `${image}.raw`;
  await makeSparseFile(raw, disk.sizeBytes);
  await makeSparseFile(image, part ? PART_OFFSET_BYTES + part.sizeBytes : 0, 0o644);
  const placeOf = (placed: PlacedVolume): { file: string; extent: Extent } =>
    part && placed === inPlace
      ? { file: image, extent: { ...part, offsetBytes: PART_OFFSET_BYTES } }
      : { file: raw, extent: extentOf(placed) };
  const makeVolumes = async () => {
    const structures = [];
    for (const placed of volumes) {
      const { file, extent } = placeOf(placed);
      const tree = partOf(placed.volume.mount ?? "", mounts);
      const uuid = volumeUuid(ids, placed);
      if (tree.at === "/" && tree.hidden.length === 0) await makeExt4(file, extent, uuid, directory, kind, signal, env);
      else await makePartialExt4(file, extent, uuid, directory, tree, kind, signal, env);
      if (epochSeconds !== undefined) await pinInodeTimes(file, extent, epochSeconds, workDirectory, env, signal);
      structures.push(await readStructure(file, extent, structureIn(workDirectory, index, placed), signal));
    }
    return structures;
  };
  const makeLoader = async () => {
    if (index === 0) await makeBootable(raw, disk, ids.espSerial, bootDirectory, plan.architecture, env, signal);
  };
  const [structures] = await together([makeVolumes(), makeLoader()]);
  await together([
    settleImage(image, disk.sizeBytes, raw, part?.offsetBytes, signal),
    ...structures.map(({ packed }) => packed()),
  ]);
  await rm(raw);
}

/** Puts the boot loader's images in their places on a raw disk: for UEFI, and on amd64 for BIOS. */
export async function makeBootable(
  raw: string,
  disk: DiskPlan,
  espSerial: string,
  bootDirectory: string,
  architecture: Plan["architecture"],
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const loader = join(bootDirectory, BOOT_FILES.efi);
  await makeEspPartition(raw, disk, espSerial, loader, LOADER_NAMES[architecture], signal, env);
  if (architecture !== "amd64") return;
  const [mbr, core] = [join(bootDirectory, BOOT_FILES.mbr), join(bootDirectory, BOOT_FILES.core)];
  await patchRaw(raw, await biosBootPatches(disk, mbr, core));
}

/** Which part of the tree the file system of a mount point holds. */
function partOf(at: string, mounts: readonly string[]): TreePart {
  const hidden = mounts.filter((one) => one !== at && pathBelow(at, one) !== undefined);
  const own = hidden.filter((one) => !hidden.some((other) => other !== one && pathBelow(other, one) !== undefined));
  return { at, hidden, folders: own.flatMap((one) => pathBelow(at, one) ?? []) };
}

/**
 * Reads the disks of a base that was just made once, for their hashes.
 *
 * @param withTwins whether the machine's own disks will begin with the same bytes, which are then written meanwhile
 */
export function hashBaseImages(base: NewBase, withTwins: boolean, { signal }: BuildContext): Promise<BaseImage[]> {
  return Promise.all(base.disks.map(({ path }) => hashImage(path, withTwins ? `${path}.twin` : undefined, signal)));
}

/** Puts a base disk that was just made into the cache. */
export async function keepBase(base: BaseDisk, context: BuildContext): Promise<void> {
  await runStep(context, "assemble/keep", "Keep the disk in the cache", async () => {
    const images = await base.images;
    const hashes = new Map(images.map(({ sha256 }, index) => [baseImage(index), sha256]));
    const make = async (target: string) => {
      await Promise.all([
        ...images.map(({ path }, index) => linkOrCopy(path, join(target, baseImage(index)))),
        base.growth === undefined ? undefined : copyFile(base.growth, join(target, GROWTH)),
        ...plansOf(base.facts).flatMap((disk, index) =>
          structuredVolumes(disk).map((placed) =>
            copyFile(structureIn(base.directory, index, placed).archive, structureIn(target, index, placed).archive),
          ),
        ),
      ]);
      return base.facts;
    };
    await commitObject(context.cache, "disk", base.key, base.title, make, { hashes });
  });
}

/** The work folder may be on another file system than the cache. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

function extentOf({ startSector, sizeSectors }: Pick<Partition, "startSector" | "sizeSectors">): Extent {
  return { offsetBytes: startSector * SECTOR_BYTES, sizeBytes: sizeSectors * SECTOR_BYTES };
}

/** Ids of the base follow from its key, so that the same inputs give the same bytes. */
function baseIds(key: string, disk: DiskPlan): DiskIds {
  const uuid = (name: string) => derivedUuid(key, name);
  return {
    diskGuid: uuid("disk"),
    partitionGuids: Object.fromEntries(disk.partitions.map(partitionName).map((name) => [name, uuid(name)])),
    rootUuid: uuid("root file system"),
    swapUuid: uuid("swap"),
    espSerial: uuid("esp serial").slice(0, 8).toUpperCase(),
    volumeUuids: Object.fromEntries(namesOfUuids(disk).map((name) => [name, uuid(`file system ${name}`)])),
  };
}
