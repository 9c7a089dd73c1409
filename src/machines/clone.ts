import { link, mkdir, stat, writeFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { type CacheObject, objectFile, openCache, REFERENCES } from "../core/cache.ts";
import { logLine, runStep } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { recipeSchema } from "../model/recipe.ts";
import { describeArtifact } from "../stages/artifact.ts";
import { type BaseDisk, findBase, identifyDisks } from "../stages/base-disk.ts";
import { BUILD_RECORD, checkDestination, publishFolder } from "../stages/destination.ts";
import { newMac, newMachineIds } from "../stages/identity.ts";
import { describeDisks, describeMachine } from "../stages/machine-description.ts";
import { findDistro, findHypervisor } from "../stages/plan.ts";
import { IDENTITY_RECORD, readMachineRecord } from "../stages/record.ts";
import { fileError, sha256Text } from "../system/files.ts";
import type { BackingDisk } from "../system/qcow2-overlay.ts";
import { type CloneAddresses, cloneNetwork } from "./clone-network.ts";

/** What to clone, and how. */
export interface CloneRequest {
  /** Result folder of the machine that is cloned. */
  readonly source: string;
  readonly hostname: string;
  /** Fixed addresses of the clone's own. */
  readonly addresses: CloneAddresses;
  readonly destination: string;
  readonly cacheDirectory: string;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** A finished clone. */
export interface Clone {
  readonly directory: string;
  readonly hostname: string;
  readonly image: string;
}

/**
 * Makes a linked clone: a thin image over the base disk in the cache, with the machine's accounts and keys, but a host
 * name, hardware addresses and ids of its own; a fixed address isn't taken over, and a warning says so. What was done inside the machine since it was built isn't in it.
 *
 * The base is checked by its files' sizes only: reading all of it would take ten times as long as the clone itself, and
 * `vmbuilder cache verify` does so.
 *
 * @throws machine-invalid, base-missing, dest-exists, dest-foreign, recipe-invalid
 */
export async function cloneMachine(request: CloneRequest): Promise<Clone> {
  const { source, hostname, signal, emit } = request;
  const destination = resolve(request.destination);
  const name = recipeSchema.shape.hostname.safeParse(hostname);
  if (!name.success)
    throw new VmbuilderError("recipe-invalid", `--hostname: "${hostname}" ${name.error.issues[0]?.message}`);
  for (const key of ["ip", "ip6"] as const) {
    const parsed = recipeSchema.shape[key].safeParse(request.addresses[key]);
    if (!parsed.success)
      throw new VmbuilderError("recipe-invalid", `--${key}: "${request.addresses[key]}" is no address`);
  }
  await checkDestination(destination, request.overwrite);
  const record = await readMachineRecord(resolve(source));
  const { network, recipe: networkRecipe, left } = cloneNetwork(record.build.recipe, request.addresses, newMac);
  const hypervisors = record.build.recipe.hypervisor.map(findHypervisor).filter(({ format }) => format === "qcow2");
  if (hypervisors.length === 0)
    throw new VmbuilderError("machine-invalid", `${source} is not for a hypervisor that reads qcow2, as a clone is`, {
      hint: "build it with --hypervisor kvm too",
    });
  const cache = await openCache(request.cacheDirectory);
  return withContext(cache, signal, emit, async (context) => {
    const base = await findIntactBase(record.build.base.key, source, context);
    if (left.length > 0)
      logLine(
        context,
        "deploy",
        "warning",
        `${left.join(" and ")} stays ${source}'s: give the clone --ip, or it asks DHCP`,
      );
    const identity = { ...record.identity, network, hostname, ...newMachineIds(base.facts) };
    const recipe = { ...record.build.recipe, ...networkRecipe, hostname, dest: destination };
    const disks = describeDisks(hostname, base.facts, identity, { name: "qcow2", suffix: ".qcow2" });
    const images = disks.map((disk) => disk.name);
    await publishFolder(destination, request.overwrite, (directory) =>
      runStep(context, "deploy", "Clone the machine", async () => {
        const overlays = images.map((image) => join(directory, image));
        await identifyDisks(
          findDistro(base.facts.distro),
          { ...base, disks: await Promise.all(base.disks.map((disk) => pinImage(disk, base.object))) },
          identity,
          overlays,
          Math.floor(Date.now() / 1000),
          context,
        );
        const machine = await describeMachine(
          {
            recipe,
            distro: base.facts.distro,
            suite: record.build.plan.suite,
            architecture: record.build.plan.architecture,
            hostname,
            network,
            diskGuid: identity.ids.diskGuid,
            directory: destination,
          },
          disks,
        );
        for (const file of hypervisors.flatMap((hypervisor) => hypervisor.describe(machine)))
          await writeFile(join(directory, file.name), file.content, { mode: file.mode });
        const { packages } = base.facts.tree;
        const manifest = packages.map((one) => `${one.name} ${one.version} ${one.architecture}\n`).sort();
        await writeFile(join(directory, "manifest"), manifest.join(""));
        const artifacts = await Promise.all(images.map((image) => describeArtifact(directory, image)));
        const clone = { of: resolve(source), base: base.key };
        // its disks are files of its own, wherever those of the source were written
        const own = { recipe: { ...recipe, raw: [] }, disks: [disks], artifacts, clone, steps: [] };
        const raw = { ...record.raw, ...own };
        await writeFile(join(directory, BUILD_RECORD), `${JSON.stringify(raw, null, 1)}\n`);
        await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(identity)}\n`, { mode: 0o600 });
        for (const image of images) await addReference(base.object.directory, join(destination, image));
      }),
    );
    return { directory: destination, hostname, image: join(destination, images[0] ?? "") };
  });
}

async function findIntactBase(
  key: string,
  source: string,
  context: Parameters<typeof findBase>[1],
): Promise<NonNullable<Awaited<ReturnType<typeof findBase>>> & BaseDisk> {
  const base = await findBase(key, context);
  const missing = (why: string) =>
    new VmbuilderError("base-missing", `the base of ${source} ${why}`, {
      hint: "build the machine again with the same --cache-dir, then clone it",
    });
  if (!base) throw missing(`is not in the cache ${context.cache.directory}`);
  for (const [name, { sizeBytes }] of Object.entries(base.object.meta.files)) {
    const size = await stat(objectFile(base.object, name)).then(
      (info) => info.size,
      () => -1,
    );
    if (size !== sizeBytes) throw missing("is damaged in the cache");
  }
  return base;
}

/**
 * A name for the base's image that no other content will ever have: should the object be lost and built anew, with the same
 * key but not the same bytes, a clone fails to start instead of reading a disk that isn't its own.
 */
async function pinImage(disk: BackingDisk, object: CacheObject): Promise<BackingDisk> {
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
async function addReference(objectDirectory: string, image: string): Promise<void> {
  await writeFile(join(objectDirectory, REFERENCES, sha256Text(image)), `${image}\n`);
}
