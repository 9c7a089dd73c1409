import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, epochEnvironment, runStep } from "../core/context.ts";
import type { Distro, TreeFacts } from "../core/distro.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { DiskIds, Identity } from "../model/identity.ts";
import { LVM_HEADER_BYTES } from "../model/logical-volumes.ts";
import { containerName, innerPlace, type PlacedVolume, placedVolumes, volumeUuid } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { MIB } from "../model/size.ts";
import { contentOf, type DiskPlan, type Partition, partitionName, SECTOR_BYTES } from "../model/storage-plan.ts";
import { mountsOf } from "../model/storage-request.ts";
import { makeSparseFile } from "../system/disk-image.ts";
import { type Ext4Kind, makePartialExt4 } from "../system/ext4.ts";
import { pinInodeTimes } from "../system/ext4-times.ts";
import { type GuestFileSystem, makeBtrfs, makeXfs } from "../system/guest-file-systems.ts";
import { type Container, makeContainer, writeImage } from "../system/luks.ts";
import { lvmPatches } from "../system/lvm-group.ts";
import { swapHeader } from "../system/partition-table.ts";
import { cleanEnvironment } from "../system/process.ts";
import { makeFolders, measurePart, takeApart } from "../system/tree-parts.ts";
import { pinTreeTimes } from "../system/tree-times.ts";
import { findBootFiles, makeBootable } from "./assemble.ts";
import { type BaseDisk, idsOf, plansOf } from "./base-disk.ts";
import type { HeadStart } from "./head-start.ts";
import { keepTree, obtainTree, type Tree, treeFolder } from "./install.ts";
import { applyEdits } from "./tree-edits.ts";

/** What of a plan these disks follow from. */
type OwnLayout = Pick<Plan, "disk" | "moreDisks" | "architecture" | "hasOldLoader"> & {
  recipe: Pick<Plan["recipe"], "luks-pass">;
};

/**
 * Makes the disks of one machine alone, for layouts that machines cannot share a base of: no program writes files into an
 * xfs, a btrfs or an encrypted container that isn't mounted. Its files come into the tree before the file systems are made.
 *
 * @throws what installing and assembling throw
 */
export async function makeOwnDisks(
  distro: Distro,
  plan: OwnLayout,
  tree: Tree,
  identity: Identity,
  context: BuildContext,
): Promise<BaseDisk> {
  const atSeconds = context.epochSeconds ?? Math.floor(Date.now() / 1000);
  const { workDirectory, signal } = context;
  const directory = await treeFolder(tree, context);
  const facts = { tree: tree.facts, disk: plan.disk, moreDisks: plan.moreDisks ?? [], distro: distro.name };
  const plans = plansOf(facts);
  const paths = plans.map((_, index) => join(workDirectory, `disk${index || ""}.raw`));
  await runStep(context, "assemble/filesystem", "Make file systems", async () => {
    const bootDirectory = await findBootFiles(distro, plan, tree, directory, context);
    await applyEdits(directory, distro.identify(identity, tree.facts, plan.disk, plan.moreDisks), atSeconds, context);
    if (context.epochSeconds !== undefined) await pinTreeTimes(directory, context.epochSeconds, signal);
    const mounts = plans.flatMap((one) => placedVolumes(one).flatMap(({ volume }) => mountsOf(volume)));
    const parts = await takeApart(directory, mounts, join(workDirectory, "parts"), signal);
    const passphraseFile = join(workDirectory, "passphrase");
    const ext4Kind: Ext4Kind = plan.hasOldLoader ? "unsummed" : "summed";
    await writeFile(passphraseFile, plan.recipe["luks-pass"] ?? "", { mode: 0o600 });
    for (const [index, disk] of plans.entries()) {
      const raw = paths[index] ?? "";
      await makeSparseFile(raw, disk.sizeBytes);
      const own = {
        raw,
        disk,
        ids: idsOf(identity, index),
        tree: directory,
        parts,
        passphraseFile,
        ext4Kind,
        atSeconds,
      };
      for (const partition of disk.partitions) await fillPartition(own, partition, context);
    }
    await rm(passphraseFile);
    const env = { ...cleanEnvironment(), ...epochEnvironment(context) };
    const serial = identity.ids.espSerial;
    await makeBootable(paths[0] ?? "", plan.disk, serial, bootDirectory, plan.architecture, env, signal);
  });
  const disks = paths.map((path) => ({ path, format: "raw" as const }));
  const images = Promise.resolve([]); // these disks are the machine's own: no base is merged with anything
  return { key: tree.key, title: tree.title, disks, images, directory: workDirectory, facts, isOwn: true };
}

/** What the file systems of a disk are made from. */
interface OwnDisk {
  readonly raw: string;
  readonly disk: DiskPlan;
  readonly ids: DiskIds;
  readonly tree: string;
  readonly parts: ReadonlyMap<string, string>;
  readonly passphraseFile: string;
  readonly ext4Kind: Ext4Kind;
  readonly atSeconds: number;
}

async function fillPartition(own: OwnDisk, partition: Partition, context: BuildContext): Promise<void> {
  const { raw, disk, ids, passphraseFile } = own;
  const volumes = placedVolumes(disk).filter((one) => one.partition === partition);
  if (!contentOf(partition).luks) {
    // groups and swap come with the table
    for (const placed of volumes) if (placed.volume.fs !== "swap") await fillVolume(own, placed, undefined, context);
    return;
  }
  const uuid = ids.volumeUuids?.[containerName(partition)] ?? "";
  const container: Container = { disk: raw, place: partition, uuid, passphraseFile };
  const fill = async () => {
    await writeGroup(own, partition, container, context);
    for (const placed of volumes) {
      if (placed.volume.fs !== "swap") await fillVolume(own, placed, container, context);
      else await writeBytes(swapHeader(placed.sizeSectors, volumeUuid(ids, placed)), own, placed, container, context);
    }
  };
  await makeContainer(container, fill, context.signal);
}

async function writeGroup(own: OwnDisk, partition: Partition, container: Container, context: BuildContext) {
  const { lvm } = contentOf(partition);
  if (!lvm) return;
  const inner = innerPlace(partition);
  const id = own.ids.partitionGuids[partitionName(partition)] ?? "";
  const bytes = Buffer.alloc(LVM_HEADER_BYTES);
  for (const patch of lvmPatches({
    name: lvm.group,
    partition: { ...inner, startSector: 0 },
    volumes: lvm.volumes,
    id,
  }))
    patch.bytes.copy(bytes, patch.offsetBytes);
  await writeBytes(bytes, own, inner, container, context);
}

async function fillVolume(
  own: OwnDisk,
  placed: PlacedVolume,
  container: Container | undefined,
  context: BuildContext,
): Promise<void> {
  const { raw, tree, parts, ids, atSeconds } = own;
  const { workDirectory, signal, epochSeconds } = context;
  const { volume, startSector, sizeSectors } = placed;
  const output = join(workDirectory, "file-system");
  await mkdir(output);
  const image = join(output, "image");
  const top = volume.mount === undefined ? join(output, "top") : (parts.get(volume.mount) ?? tree);
  if (volume.mount === undefined) await mkdir(top);
  const subvolumes = (volume.subvolumes ?? []).map(({ name, mount }) => ({
    path: name,
    folder: parts.get(mount) ?? tree,
  }));
  await makeFolders(
    top,
    subvolumes.map(({ path }) => path),
    signal,
  );
  const wholeBytes = sizeSectors * SECTOR_BYTES;
  const sizeBytes = container ? await encryptedBytes(placed, top, wholeBytes, signal) : wholeBytes;
  const wanted = { tree, folder: top, subvolumes, image, sizeBytes, uuid: volumeUuid(ids, placed), atSeconds };
  try {
    if (volume.fs === "ext4") await makeOwnExt4(wanted, own.ext4Kind, context);
    else await (volume.fs === "xfs" ? makeXfs : makeBtrfs)(wanted, signal);
  } catch (error) {
    throw atMount(error, mountsOf(volume)[0] ?? "");
  }
  if (epochSeconds !== undefined && volume.fs === "ext4") {
    const env = { ...cleanEnvironment(), ...epochEnvironment(context) };
    await pinInodeTimes(image, { offsetBytes: 0, sizeBytes }, epochSeconds, workDirectory, env, signal);
  }
  await writeImage(image, raw, { offsetBytes: startSector * SECTOR_BYTES, sizeBytes }, container, signal);
  await rm(output, { recursive: true });
}

async function makeOwnExt4(
  { folder, image, sizeBytes, uuid }: GuestFileSystem,
  kind: Ext4Kind,
  context: BuildContext,
): Promise<void> {
  const env = { ...cleanEnvironment(), ...epochEnvironment(context) };
  await makeSparseFile(image, sizeBytes);
  const all = { at: "/", hidden: [], folders: [] };
  await makePartialExt4(image, { offsetBytes: 0, sizeBytes }, uuid, folder, all, kind, context.signal, env);
}

/**
 * How large a file system in a container is made, whose every block is encrypted and written: it has some room, and grows to
 * its volume's size at the first boot. An XFS that grew much would be in many small groups for good, and is made whole.
 */
async function encryptedBytes({ volume }: PlacedVolume, folder: string, wholeBytes: number, signal: AbortSignal) {
  if (volume.fs === "xfs" || volume.subvolumes?.length) return wholeBytes;
  const enough = (await measurePart(folder, signal)) * 1.3 + 256 * MIB;
  return Math.min(wholeBytes, Math.ceil(enough / MIB) * MIB);
}

async function writeBytes(
  bytes: Buffer,
  { raw }: OwnDisk,
  { startSector }: Pick<Partition, "startSector">,
  container: Container,
  { workDirectory, signal }: BuildContext,
): Promise<void> {
  const file = join(workDirectory, "bytes");
  await writeFile(file, bytes);
  await writeImage(file, raw, { offsetBytes: startSector * SECTOR_BYTES, sizeBytes: bytes.length }, container, signal);
}

function atMount(error: unknown, mount: string): unknown {
  if (!(error instanceof VmbuilderError) || error.code !== "tree-too-large") return error;
  return new VmbuilderError("tree-too-large", `what is in ${mount} does not fit into its file system`, {
    hint: mount === "/" ? "raise --rootsize" : `make the file system of ${mount} larger`,
    cause: error,
  });
}

/**
 * Likewise from the recipe on: finds or makes the tree, and keeps it in the cache, where a clone finds it.
 *
 * @param check refuses a tree that the machine can't be made from, before a disk is made of it
 */
export async function withOwnDisks<T>(
  distro: Distro,
  plan: Plan,
  lock: Parameters<typeof obtainTree>[2],
  headStart: HeadStart,
  identity: Identity,
  context: BuildContext,
  check: (facts: TreeFacts) => void,
  use: (base: BaseDisk, kept: Promise<unknown>) => Promise<T>,
): Promise<T> {
  const made = await obtainTree(distro, plan, lock, headStart, context);
  const tree = made.object ? made : await keepTree(made, context);
  check(tree.facts);
  const base = await runStep(context, "assemble", "Make the disk", () =>
    makeOwnDisks(distro, plan, tree, identity, context),
  );
  return use(base, Promise.resolve());
}
