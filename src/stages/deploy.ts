import { rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type BuildContext, runStep } from "../core/context.ts";
import type { Format } from "../core/format.ts";
import type { MachineDisk } from "../core/hypervisor.ts";
import { Slots } from "../core/slots.ts";
import { FORMATS } from "../formats/index.ts";
import type { Identity } from "../model/identity.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { sha256File } from "../system/files.ts";
import type { BaseDisk } from "./base-disk.ts";
import { BUILD_RECORD } from "./destination.ts";
import { describeDisk, describeMachine } from "./machine-description.ts";
import { findHypervisor } from "./plan.ts";
import { IDENTITY_RECORD, RECORD_VERSION } from "./record.ts";

/** A file of the result. */
export interface Artifact {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

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
  readonly overlay: string;
  readonly directory: string;
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
  const formats = FORMATS.filter(({ name }) => lasting.has(name) || hypervisors.some((one) => one.format === name));
  const slots = new Slots(availableParallelism());
  const disks = await runStep(
    context,
    "convert",
    "Convert the disk",
    async () => new Map(await Promise.all(formats.map((one) => slots.run(() => convertDisk(one, request, context))))),
  );
  return runStep(context, "deploy", "Write the result", async () => {
    const artifacts = new Set<string>();
    const described = {
      ...plan,
      distro: plan.recipe.distro,
      hostname: plan.recipe.hostname,
      network: request.identity.network,
      diskGuid: request.identity.ids.diskGuid,
      directory: plan.destination,
    };
    for (const hypervisor of hypervisors) {
      const machine = await describeMachine(described, disks.get(hypervisor.format) ?? []);
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
    const files = await Promise.all(
      [...names, ...artifacts, "manifest"].map((name) => describeArtifact(directory, name)),
    );
    await writeFile(join(directory, BUILD_RECORD), formatRecord(request, files));
    await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(request.identity)}\n`, { mode: 0o600 });
    return { directory: plan.destination, artifacts: files };
  });
}

async function convertDisk(
  format: Format,
  { plan, identity, overlay, directory }: DeploymentRequest,
  context: BuildContext,
): Promise<[string, MachineDisk[]]> {
  const name = `${plan.recipe.hostname}${format.suffix}`;
  const disk = describeDisk(name, plan.disk.sizeBytes, identity.ids.diskGuid, format.name);
  const source = { path: overlay, format: "qcow2" } as const;
  await runStep(context, `convert/${format.name}`, `Convert to ${format.name}`, () =>
    format.convert(source, join(directory, disk.name), disk.uuid, context.signal),
  );
  return [format.name, [disk]];
}

/** A line a package: name, version, architecture. */
function formatManifest(lock: Lock): string {
  return lock.packages
    .map(({ name, version, architecture }) => `${name} ${version} ${architecture}\n`)
    .sort()
    .join("");
}

async function describeArtifact(directory: string, name: string): Promise<Artifact> {
  const path = join(directory, name);
  return { name, sha256: await sha256File(path), sizeBytes: (await stat(path)).size };
}

function formatRecord({ plan, lock, base, steps }: DeploymentRequest, artifacts: readonly Artifact[]): string {
  const record = {
    vmbuilder: RECORD_VERSION,
    recipe: withoutSecrets(plan.recipe),
    plan: { suite: plan.suite, architecture: plan.architecture, packages: plan.packages, disk: plan.disk },
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
    artifacts,
    steps,
  };
  return `${JSON.stringify(record, null, 1)}\n`;
}

function withoutSecrets(recipe: Recipe): Recipe {
  const { pass, rootpass, ...rest } = recipe;
  return {
    ...rest,
    ...(pass === undefined ? {} : { pass: "(set)" }),
    ...(rootpass === undefined ? {} : { rootpass: "(set)" }),
  };
}
