import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import type { TreeFacts } from "../core/distro.ts";
import type { LibvirtHost } from "../core/hypervisor.ts";
import { withContext } from "../core/work-directory.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { BuildEvent, EventSink } from "../model/events.ts";
import type { Lock } from "../model/package.ts";
import { sharesBase } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { type BaseDisk, identifyDisks, plansOf } from "./base-disk.ts";
import { checkHost } from "./check-host.ts";
import { type Deployment, deployMachine } from "./deploy.ts";
import { checkDestination, publishFolder } from "./destination.ts";
import { prepareHeadStart } from "./head-start.ts";
import { readIdentity } from "./identity.ts";
import { findDistro } from "./plan.ts";
import { withBase } from "./with-base.ts";

/** How a build is carried out, beside what is built. */
export interface BuildOptions {
  readonly cacheDirectory: string;
  readonly overwrite: boolean;
  /** What the raw targets hold may be lost. */
  readonly overwriteRaw?: boolean | undefined;
  /** Folder to work in, instead of the cache. */
  readonly tmp?: string | undefined;
  /** Exactly these packages; nothing is asked of the archive then. */
  readonly lock?: Lock | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** What a build made. */
export interface BuildResult extends Deployment {
  readonly plan: Plan;
  /** Number of packages. */
  readonly packages: number;
  readonly seconds: number;
  /** Titles of the steps that the cache saved. */
  readonly cached: readonly string[];
}

/**
 * Builds one machine: resolve, install, assemble, identify, convert, deploy. Whatever happens, nothing but the cache and
 * a complete result folder is left.
 *
 * @throws every code of the error table
 */
export async function buildMachine(plan: Plan, options: BuildOptions): Promise<BuildResult> {
  const startedAt = performance.now();
  const record = recordSteps(options.emit);
  await checkDestination(plan.destination, options.overwrite);
  if (plan.recipe.raw.length > 0) {
    const { checkRawTargets } = await import("./raw-targets.ts"); // rarely wanted
    await checkRawTargets(plan, options.overwriteRaw ?? false);
  }
  const identity = await readIdentity(plan.recipe, plan, options.signal);
  await runStep({ ...options, emit: record.emit }, "check", "Check the host", () => checkHost(plan));
  const libvirt = await libvirtOf(plan, options);
  const cache = await openCache(options.cacheDirectory);
  const place = options.tmp === undefined ? undefined : await openPlace(options.tmp);
  const epochSeconds = options.lock?.epochSeconds;
  if (epochSeconds !== undefined) checkClock(epochSeconds);
  const build = async (timeless: BuildContext) => {
    const context = { ...timeless, epochSeconds };
    const distro = findDistro(plan.recipe.distro);
    const headStart = prepareHeadStart(plan, context);
    try {
      const lock =
        options.lock ??
        (await runStep(context, "resolve", "Resolve packages", () => distro.resolve(plan, context, headStart.begin)));
      // names, numbers and owners that only the system itself can tell to be taken or unknown
      const fits = (facts: TreeFacts) => void distro.identify(identity, facts, plan.disk);
      const use = (base: BaseDisk, kept: Promise<unknown>) =>
        publishFolder(plan.destination, options.overwrite, async (directory) => {
          // A folder for each attempt: there is another when the cached base proves to be damaged.
          const workDirectory = await mkdtemp(join(context.workDirectory, "machine-"));
          const overlays = plansOf(plan).map((_, index) => join(workDirectory, `disk${index || ""}.qcow2`));
          await runStep(context, "assemble/identity", "Write the machine's identity", () =>
            identifyDisks(distro, base, identity, overlays, epochSeconds ?? nowSeconds(), {
              ...context,
              workDirectory,
            }),
          );
          const machine = { plan, lock, base, identity, overlays, directory, libvirt, kept, steps: record.steps };
          const deployed = await deployMachine(machine, context);
          await kept;
          return deployed;
        });
      const deployment = await (sharesBase(plansOf(plan))
        ? withBase(distro, plan, lock, headStart, context, fits, true, use)
        : (await import("./own-disk.ts")).withOwnDisks(distro, plan, lock, headStart, identity, context, fits, use));
      if (libvirt) await define(plan, libvirt, context);
      return {
        ...deployment,
        plan,
        packages: lock.packages.length,
        seconds: (performance.now() - startedAt) / 1000,
        cached: record.cached,
      };
    } finally {
      await headStart.discard();
    }
  };
  return withContext(cache, options.signal, record.emit, build, place);
}

async function libvirtOf(plan: Plan, { overwrite, signal }: BuildOptions): Promise<LibvirtHost | undefined> {
  if (plan.recipe.libvirt === undefined) return undefined;
  const { checkLibvirt } = await import("./libvirt-domain.ts"); // rarely wanted
  return checkLibvirt(plan, overwrite, signal);
}

async function define(plan: Plan, libvirt: LibvirtHost, context: BuildContext): Promise<void> {
  const { defineDomain } = await import("./libvirt-domain.ts");
  await runStep(context, "deploy/libvirt", "Define it in libvirt", () => defineDomain(plan, libvirt, context.signal));
}

/** Opens the folder of {@link BuildOptions.tmp}. */
export async function openPlace(directory: string): Promise<string> {
  const { openWorkPlace } = await import("../system/work-place.ts"); // rarely wanted
  return openWorkPlace(directory);
}

/** What a build from a lock writes is dated by the lock; a clock that hasn't come so far would betray what is new. */
function checkClock(epochSeconds: number): void {
  if (nowSeconds() >= epochSeconds) return;
  const date = new Date(epochSeconds * 1000).toISOString();
  throw new VmbuilderError("release-future", `the lock is of ${date}, which has not come yet`, {
    hint: "check this machine's clock",
  });
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function recordSteps(emit: EventSink) {
  const steps: { step: string; seconds: number }[] = [];
  const cached: string[] = [];
  return {
    steps,
    cached,
    emit: (event: BuildEvent) => {
      if (event.type === "finished") steps.push({ step: event.step, seconds: Number(event.seconds.toFixed(3)) });
      if (event.type === "cached") cached.push(event.title);
      emit(event);
    },
  };
}
