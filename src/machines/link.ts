import { link, mkdir, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { type CacheObject, REFERENCES } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { Architecture } from "../model/architecture.ts";
import type { Identity } from "../model/identity.ts";
import type { Recipe } from "../model/recipe.ts";
import { describeArtifact } from "../stages/artifact.ts";
import { type BaseDisk, type BaseFacts, identifyDisks } from "../stages/base-disk.ts";
import { BUILD_RECORD, publishFolder } from "../stages/destination.ts";
import { describeDisks, describeMachine } from "../stages/machine-description.ts";
import { findDistro } from "../stages/plan.ts";
import { IDENTITY_RECORD } from "../stages/record.ts";
import { fileError, sha256Text } from "../system/files.ts";
import type { BackingDisk } from "../system/qcow2-tables.ts";

/** What a machine's disks are made from. */
export interface MachineBase {
  readonly facts: BaseFacts;
  /** Makes the disks: images, one for each. */
  make(identity: Identity, images: readonly string[]): Promise<void>;
  /** Keeps the base in the cache as long as an image is there that needs it. */
  keepFor?(image: string): Promise<void>;
}

/** A base that machines share: their disks are thin images over it. */
export function sharedBase(base: BaseDisk & { readonly object: CacheObject }, context: BuildContext): MachineBase {
  return {
    facts: base.facts,
    async make(identity, overlays) {
      const disks = await Promise.all(base.disks.map((disk) => pinImage(disk, base.object)));
      const atSeconds = Math.floor(Date.now() / 1000);
      await identifyDisks(findDistro(base.facts.distro), { ...base, disks }, identity, overlays, atSeconds, context);
    },
    keepFor: (image) => addReference(base.object.directory, image),
  };
}

/** What a linked machine is made from. */
export interface LinkRequest {
  readonly base: MachineBase;
  readonly identity: Identity;
  readonly recipe: Pick<Recipe, "mem" | "cpus" | "firmware">;
  readonly suite: string;
  readonly architecture: Architecture;
  /** Those of qcow2: each adds its files. */
  readonly hypervisors: readonly Hypervisor[];
  readonly destination: string;
  readonly overwrite: boolean;
  /** The rest of its build.json. */
  readonly record: Record<string, unknown>;
  /** Adds files of the caller's before the folder gets its name. */
  readonly fill?: (directory: string, machine: MachineDescription) => Promise<void>;
}

/**
 * Makes a machine from a base in the cache. Garbage collection keeps what its disks stand on as long as they are there.
 *
 * @returns the names of its images
 * @throws dest-exists, dest-foreign, disk-full
 */
export async function linkMachine(request: LinkRequest, context: BuildContext): Promise<string[]> {
  const { base, identity, recipe, destination, record } = request;
  const { hostname, network } = identity;
  const disks = describeDisks(hostname, base.facts, identity, { name: "qcow2", suffix: ".qcow2" });
  const images = disks.map((disk) => disk.name);
  await publishFolder(destination, request.overwrite, (directory) =>
    runStep(context, "deploy", "Make the linked machine", async () => {
      await base.make(
        identity,
        images.map((image) => join(directory, image)),
      );
      const { suite, architecture } = request;
      const described = { recipe, distro: base.facts.distro, suite, architecture, hostname, network };
      const machine = await describeMachine(
        { ...described, diskGuid: identity.ids.diskGuid, directory: destination },
        disks,
      );
      for (const file of request.hypervisors.flatMap((hypervisor) => hypervisor.describe(machine)))
        await writeFile(join(directory, file.name), file.content, { mode: file.mode });
      const { packages } = base.facts.tree;
      const manifest = packages.map((one) => `${one.name} ${one.version} ${one.architecture}\n`).sort();
      await writeFile(join(directory, "manifest"), manifest.join(""));
      const artifacts = await Promise.all(images.map((image) => describeArtifact(directory, image)));
      await writeFile(
        join(directory, BUILD_RECORD),
        `${JSON.stringify({ ...record, disks: [disks], artifacts }, null, 1)}\n`,
      );
      await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(identity)}\n`, { mode: 0o600 });
      await request.fill?.(directory, machine);
      for (const image of images) await base.keepFor?.(join(destination, image));
    }),
  );
  return images;
}

/**
 * A name for the base's image that no other content will ever have: should the object be lost and built anew, with the same
 * key but not the same bytes, a clone fails to start instead of reading a disk that isn't its own.
 */
export async function pinImage(disk: BackingDisk, object: CacheObject): Promise<BackingDisk> {
  const image = disk.path;
  const sha256 = object.meta.files[basename(image)]?.sha256;
  const pinned = join(object.directory, REFERENCES, `${sha256}${extname(image)}`);
  await mkdir(join(object.directory, REFERENCES), { recursive: true });
  await link(image, pinned).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw fileError(error, pinned);
  });
  return { ...disk, path: pinned };
}

/** Garbage collection keeps an object as long as one of its references leads to a file. */
export async function addReference(objectDirectory: string, image: string): Promise<void> {
  await writeFile(join(objectDirectory, REFERENCES, sha256Text(image)), `${image}\n`);
}
