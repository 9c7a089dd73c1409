import { rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type BuildContext, runStep } from "../core/context.ts";
import type { Format } from "../core/format.ts";
import type { LibvirtHost, MachineDisk } from "../core/hypervisor.ts";
import { Slots } from "../core/slots.ts";
import { FORMATS } from "../formats/index.ts";
import type { Identity } from "../model/identity.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { withoutLogins } from "../model/without-logins.ts";
import { type Artifact, describeArtifact } from "./artifact.ts";
import type { BaseDisk } from "./base-disk.ts";
import { BUILD_RECORD } from "./destination.ts";
import { describeDisks, describeMachine } from "./machine-description.ts";
import { findHypervisor } from "./plan.ts";
import { IDENTITY_RECORD, RECORD_VERSION } from "./record.ts";

/** A finished result folder. */
export interface Deployment {
  readonly directory: string;
  readonly artifacts: readonly Artifact[];
}

/** What a deployment is made from. */
export interface DeploymentRequest {
  readonly plan: Plan;
  readonly lock: Lock;
  readonly base: BaseDisk;
  readonly identity: Identity;
  /** An image for each disk. */
  readonly overlays: readonly string[];
  readonly directory: string;
  readonly libvirt: LibvirtHost | undefined;
  /** Resolves when the base is known to be good. */
  readonly kept: Promise<unknown>;
  readonly steps: readonly { step: string; seconds: number }[];
}

/**
 * Converts the machine's disk and fills the result folder: disks, what the hypervisors want, manifest, build.json. Formats are
 * made side by side, as many as there are processors.
 *
 * @throws disk-full, command-failed
 */
export async function deployMachine(request: DeploymentRequest, context: BuildContext): Promise<Deployment> {
  const { plan, directory } = request;
  const hypervisors = plan.recipe.hypervisor.map(findHypervisor);
  const lasting = new Set([
    ...plan.recipe.format,
    ...hypervisors.filter(({ pack }) => !pack).map(({ format }) => format),
  ]);
  const elsewhere = plan.recipe.raw.length > 0 ? await writeElsewhere(request, context) : undefined;
  const formats = elsewhere
    ? []
    : FORMATS.filter(({ name }) => lasting.has(name) || hypervisors.some((one) => one.format === name));
  const slots = new Slots(availableParallelism());
  const hashes = new Map<string, string>();
  const convert = async () =>
    new Map(await Promise.all(formats.map((one) => slots.run(() => convertDisk(one, request, hashes, context)))));
  const disks = elsewhere
    ? new Map<string, MachineDisk[]>()
    : await runStep(context, "convert", "Convert the disk", convert);
  return runStep(context, "deploy", "Write the result", async () => {
    const artifacts = new Set<string>();
    const described = {
      ...plan,
      distro: plan.recipe.distro,
      hostname: plan.recipe.hostname,
      network: request.identity.network,
      diskGuid: request.identity.ids.diskGuid,
      libvirt: request.libvirt,
      directory: plan.destination,
    };
    for (const hypervisor of hypervisors) {
      const machine = await describeMachine(described, elsewhere ?? disks.get(hypervisor.format) ?? []);
      for (const file of hypervisor.describe(machine)) {
        await writeFile(join(directory, file.name), file.content, { mode: file.mode });
        artifacts.add(file.name);
      }
      if (hypervisor.pack) artifacts.add(await hypervisor.pack(machine, directory, context.signal));
    }
    const kept = formats.filter(({ name }) => lasting.has(name));
    const names = kept.flatMap((format) =>
      (disks.get(format.name) ?? []).flatMap(({ name }) => [name, ...(format.companions?.(name) ?? [])]),
    );
    for (const format of formats.filter(({ name }) => !lasting.has(name)))
      for (const { name } of disks.get(format.name) ?? []) await rm(join(directory, name));
    await writeFile(join(directory, "manifest"), formatManifest(request.lock));
    if (plan.recipe.sbom.length > 0) {
      const { writeSboms } = await import("./sbom.ts"); // rarely wanted
      await request.kept; // the system is in the cache
      for (const name of await writeSboms(plan, request.lock, directory, context)) artifacts.add(name);
    }
    const files = await Promise.all(
      [...names, ...artifacts, "manifest"].map((name) => describeArtifact(directory, name, hashes.get(name))),
    );
    await writeFile(
      join(directory, BUILD_RECORD),
      formatRecord(request, files, elsewhere ? [elsewhere] : [...disks.values()]),
    );
    await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(request.identity)}\n`, { mode: 0o600 });
    return { directory: plan.destination, artifacts: files };
  });
}

/** Writes the disks to files or devices that are there already. */
async function writeElsewhere(request: DeploymentRequest, context: BuildContext): Promise<MachineDisk[]> {
  const { plan, identity, overlays } = request;
  const { writeRawTarget } = await import("../system/raw-target.ts"); // rarely wanted
  const disks = describeDisks(plan.recipe.hostname, plan, identity, { name: "raw", suffix: "" });
  await request.kept; // what is lost there is lost for a good disk
  return runStep(context, "convert", "Write the disk", () =>
    Promise.all(
      disks.map(async (disk, index): Promise<MachineDisk> => {
        const [target, overlay] = [plan.recipe.raw[index] ?? "", overlays[index] ?? ""];
        const layout = [plan.disk, ...(plan.moreDisks ?? [])][index] ?? plan.disk;
        const ids = [identity.ids, ...(identity.moreIds ?? [])][index] ?? identity.ids;
        await writeRawTarget(overlay, target, layout, ids, context.signal);
        return { ...disk, name: resolve(target), isElsewhere: true };
      }),
    ),
  );
}

async function convertDisk(
  format: Format,
  { plan, base, identity, overlays, directory }: DeploymentRequest,
  hashes: Map<string, string>,
  context: BuildContext,
): Promise<[string, MachineDisk[]]> {
  const disks = describeDisks(plan.recipe.hostname, plan, identity, format);
  await runStep(context, `convert/${format.name}`, `Convert to ${format.name}`, async () => {
    for (const [index, { name, uuid }] of disks.entries()) {
      const [overlay, target] = [overlays[index] ?? "", join(directory, name)];
      const image = format.merge && (await base.images)[index];
      if (format.merge && image) hashes.set(name, await format.merge(image, overlay, target, context.signal));
      else await format.convert({ path: overlay, format: "qcow2" }, target, uuid, context.signal);
    }
  });
  return [format.name, disks];
}

/** Whether making the machine's disks reads all of its base, and so verifies it. */
export function readsBase({ recipe }: Pick<Plan, "recipe">): boolean {
  const names = new Set([...recipe.format, ...recipe.hypervisor.map((name) => findHypervisor(name).format)]);
  return recipe.raw.length === 0 && FORMATS.some(({ name, merge }) => merge !== undefined && names.has(name));
}

/** A line a package: name, version, architecture. */
export function formatManifest(lock: Lock): string {
  return lock.packages
    .map(({ name, version, architecture }) => `${name} ${version} ${architecture}\n`)
    .sort()
    .join("");
}

function formatRecord(
  { plan, lock, base, steps }: DeploymentRequest,
  artifacts: readonly Artifact[],
  disks: readonly (readonly MachineDisk[])[],
): string {
  const record = {
    vmbuilder: RECORD_VERSION,
    recipe: withoutSecrets(plan.recipe),
    plan: { suite: plan.suite, architecture: plan.architecture, packages: plan.packages, ...disksOf(plan) },
    base: { key: base.key },
    packages: lock.packages.map(({ name, version, architecture, sha256, sizeBytes, url }) => ({
      name,
      version,
      architecture,
      sha256,
      sizeBytes,
      url,
    })),
    sources: lock.sources,
    disks: disks.map((list) => list.map(({ name, sizeBytes, uuid }) => ({ name, sizeBytes, uuid }))),
    artifacts,
    steps,
  };
  return `${withoutLogins(JSON.stringify(record, null, 1))}\n`;
}

function disksOf({ disk, moreDisks }: Plan): Pick<Plan, "disk" | "moreDisks"> {
  return { disk, ...(moreDisks ? { moreDisks } : {}) };
}

/** A recipe as it may be written where others read it. */
export function withoutSecrets(recipe: Recipe): Recipe {
  const { pass, rootpass, "luks-pass": passphrase, proxy, ...rest } = recipe;
  return {
    ...rest,
    ...(proxy === undefined ? {} : { proxy: withoutLogins(proxy) }),
    ...(pass === undefined ? {} : { pass: "(set)" }),
    ...(rootpass === undefined ? {} : { rootpass: "(set)" }),
    ...(passphrase === undefined ? {} : { "luks-pass": "(set)" }),
  };
}
