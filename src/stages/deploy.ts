import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, runStep } from "../core/context.ts";
import { FORMATS } from "../formats/index.ts";
import type { Identity } from "../model/identity.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { sha256File } from "../system/files.ts";
import type { BaseDisk } from "./base-disk.ts";
import { BUILD_RECORD } from "./destination.ts";
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
 * Converts the machine's disk and fills the result folder: disks, what the hypervisors want, manifest, build.json.
 *
 * @throws disk-full, command-failed
 */
export async function deployMachine(request: DeploymentRequest, context: BuildContext): Promise<Deployment> {
  const { plan, directory } = request;
  const hypervisors = plan.recipe.hypervisor.map(findHypervisor);
  const disks = new Map<string, string>();
  for (const format of FORMATS.filter(({ name }) => hypervisors.some((one) => one.format === name))) {
    const name = `${plan.recipe.hostname}.${format.extension}`;
    disks.set(format.name, name);
    await runStep(context, "convert", `Convert to ${format.name}`, () =>
      format.convert(request.overlay, join(directory, name), context.signal),
    );
  }
  return runStep(context, "deploy", "Write the result", async () => {
    const artifacts = [...disks.values()];
    for (const hypervisor of hypervisors) {
      const machine = {
        recipe: plan.recipe,
        network: request.identity.network,
        hostname: plan.recipe.hostname,
        architecture: plan.architecture,
        disks: [disks.get(hypervisor.format) ?? ""],
      };
      for (const file of hypervisor.describe(machine)) {
        await writeFile(join(directory, file.name), file.content, { mode: file.mode });
        artifacts.push(file.name);
      }
    }
    await writeFile(join(directory, "manifest"), formatManifest(request.lock));
    artifacts.push("manifest");
    const described = await Promise.all([...new Set(artifacts)].map((name) => describeArtifact(directory, name)));
    await writeFile(join(directory, BUILD_RECORD), formatRecord(request, described));
    await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(request.identity)}\n`, { mode: 0o600 });
    return { directory: plan.destination, artifacts: described };
  });
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
