import { randomBytes } from "node:crypto";
import type { ArchivePlace, UpgradeWay } from "../../core/distro.ts";
import { conffileDecisions, keptBack } from "../../model/apt-output.ts";
import type { EventSink } from "../../model/events.ts";
import type { Lock } from "../../model/package.ts";
import { diffPackages } from "../../model/package-diff.ts";
import type { Recipe } from "../../model/recipe.ts";
import type { TestOutcome } from "../../model/test-run.ts";
import { type ConffilePolicy, compareTests, type UpgradePhase, type UpgradeRun } from "../../model/upgrade-run.ts";
import { openArchiveRelay } from "../../system/archive-relay.ts";
import { processStart } from "../../system/files.ts";
import { isAlive } from "../../system/lasting-process.ts";
import { scaleDeadline } from "../accelerator.ts";
import { consoleTail, fatalSign } from "../console-log.ts";
import { createMachine } from "../create.ts";
import { gatherEvidence } from "../evidence.ts";
import { bootAndTest } from "../guest-tests.ts";
import type { Machine } from "../machine.ts";
import { type RunningMachine, runningMachine } from "../running.ts";
import { takeSnapshot } from "../snapshots.ts";
import { removeMachine, stopMachine } from "../stop.ts";
import type { MachineStore } from "../store.ts";
import { openInside, UpgradeStopped } from "./inside.ts";
import { type MachineState, readState } from "./state.ts";
import { COMMAND, timedPhase, upgradeInside } from "./steps.ts";

/** What to upgrade, and how. */
export interface UpgradeRequest {
  /** Its suite is the one to come from. */
  readonly recipe: Recipe;
  readonly origin: string;
  readonly lock?: Lock | undefined;
  readonly from: string;
  /** Absent for the updates of the release that it is. */
  readonly to?: string | undefined;
  readonly way: UpgradeWay;
  /** The archive of the release to go to. */
  readonly archive: ArchivePlace;
  readonly conffilePolicy: ConffilePolicy;
  /** Leaves the machine, with a snapshot before and one after. */
  readonly keep: boolean;
  /** How long the upgrade may take; default: half an hour with KVM, three hours without. */
  readonly timeoutMs?: number | undefined;
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** Snapshots of a machine that is kept. */
export const UPGRADE_SNAPSHOTS = { before: "before-upgrade", after: "after-upgrade" } as const;

const UPGRADE_DEADLINE_MS = 30 * 60_000;

/** What is known so far. */
interface Progress {
  readonly phases: UpgradePhase[];
  readonly log: string[];
  readonly warnings: string[];
  tested: TestOutcome[];
  testedAgain?: TestOutcome[];
  before?: MachineState;
  after?: MachineState;
  failure?: string;
  evidence?: UpgradeRun["evidence"];
}

/**
 * Makes a machine from a recipe, tests it, upgrades it from inside, boots it again and tests it again. The machine is a thin
 * image over the base in the cache, and is gone afterwards unless it is kept.
 *
 * @throws what making a machine throws; what happens inside of it is in the result
 */
export async function runUpgradeTest(store: MachineStore, request: UpgradeRequest): Promise<UpgradeRun> {
  const startedAt = Date.now();
  const { recipe, origin, lock, keep, cacheDirectory, signal, emit, from, to, conffilePolicy } = request;
  const name = `upgrade-${randomBytes(4).toString("hex")}`;
  const owner = keep ? undefined : { pid: process.pid, start: (await processStart(process.pid)) ?? "" };
  const progress: Progress = { phases: [], log: [], warnings: [], tested: [] };
  const machine = await createMachine(store, { name, recipe, origin, lock, owner, cacheDirectory, signal, emit });
  progress.phases.push({ title: "Make the machine", seconds: (Date.now() - startedAt) / 1000 });
  let isKept = false;
  try {
    await upgradeMachine(store, machine, request, progress).catch((error: unknown) => {
      if (signal.aborted || !(error instanceof UpgradeStopped)) throw error;
      progress.failure = error.message;
    });
    const failed = [...progress.tested, ...(progress.testedAgain ?? [])];
    const stopped = progress.failure === undefined ? [] : [{ name: "upgrades", seconds: 0, failure: progress.failure }];
    progress.evidence ??= await gatherEvidence(machine, [...failed, ...stopped]);
    if (keep) await takeSnapshot(store, machine, UPGRADE_SNAPSHOTS.after, signal);
    isKept = keep;
    return {
      ...{ hostname: recipe.hostname, origin, from, ...(to === undefined ? {} : { to }), conffilePolicy },
      ...{ startedAt: new Date(startedAt).toISOString(), seconds: (Date.now() - startedAt) / 1000 },
      ...resultOf(progress),
      ...(isKept ? { keptAs: name } : {}),
    };
  } finally {
    if (!isKept) await removeMachine(store, machine);
  }
}

async function upgradeMachine(
  store: MachineStore,
  machine: Machine,
  request: UpgradeRequest,
  progress: Progress,
): Promise<void> {
  const { recipe, signal, emit } = request;
  const context = { signal, emit };
  const first = recipe.tests.filter((test) => !test["after-reboot"]);
  progress.tested = await tested(request, progress, "Boot and test it", () =>
    bootAndTest(store, machine, "", first, context),
  );
  if (progress.tested[0]?.failure !== undefined) throw new UpgradeStopped("it didn't boot before the upgrade");
  const running = await runningMachine(machine);
  const inside = openInside(store, machine, running, signal);
  progress.before = await readState(inside);
  if (request.keep)
    await timedPhase(request, progress, "deploy/snapshot", "Take a snapshot", () =>
      takeSnapshot(store, machine, UPGRADE_SNAPSHOTS.before, signal),
    );
  await upgradeRunning(store, machine, running, request, progress);
  const stopped = await timedPhase(request, progress, "deploy/stop", "Shut it down", () =>
    stopMachine(store, machine, { signal }),
  );
  if (stopped === "killed") progress.warnings.push("it didn't shut down after the upgrade, and was switched off");
  progress.testedAgain = await tested(request, progress, "Boot and test it again", () =>
    bootAndTest(store, machine, "", [...first, ...recipe.tests.filter((test) => test["after-reboot"])], context),
  );
  if (progress.testedAgain[0]?.failure !== undefined)
    throw new UpgradeStopped(`after the upgrade ${progress.testedAgain[0].failure}`);
  const again = openInside(store, machine, await runningMachine(machine), signal);
  progress.after = await readState(again);
  judge(request, progress.before, progress.after, progress.warnings);
}

async function upgradeRunning(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  request: UpgradeRequest,
  progress: Progress,
): Promise<void> {
  const { recipe, from, to, way, archive, conffilePolicy: policy, signal, emit } = request;
  const timeoutMs = request.timeoutMs ?? scaleDeadline(UPGRADE_DEADLINE_MS, running.run.accelerator);
  const inside = openInside(store, machine, running, signal);
  const relay = await openArchiveRelay(archive.addresses, recipe.proxy);
  try {
    const order = { from, to, way: way.by, policy, archive, relayPort: relay.port, timeoutMs, emit, signal };
    await upgradeInside(inside, order, progress);
  } catch (error) {
    if (signal.aborted || !(error instanceof UpgradeStopped)) throw error;
    const lost = await whyLost(machine, running);
    if (lost !== undefined) throw new UpgradeStopped(`${lost} during the upgrade`);
    const state = await readState(inside).catch(() => undefined); // it may not answer any more
    if (state) progress.after = state;
    throw error;
  } finally {
    await relay.close();
  }
}

/** Says what has become of a machine that is none any more. */
async function whyLost(machine: Machine, { process }: RunningMachine): Promise<string | undefined> {
  const sign = fatalSign(await consoleTail(machine, 60));
  if (sign !== undefined) return sign;
  return (await isAlive(process)) ? undefined : "the machine ended";
}

/** What shows that an upgrade that ended well is none. */
function judge({ to }: UpgradeRequest, before: MachineState, after: MachineState, warnings: string[]): void {
  if (after.unfinished.length > 0) throw new UpgradeStopped(`dpkg isn't done with ${after.unfinished.join(", ")}`);
  if (to === undefined) return;
  if (after.codename === before.codename) throw new UpgradeStopped(`it still calls itself ${after.system}`);
  if (after.codename !== to) warnings.push(`it calls itself ${after.system}`);
}

function resultOf({ before, after, tested, testedAgain, log, ...progress }: Progress) {
  const text = log.join("\n");
  const known = new Set(before?.leftovers);
  const leftovers = after?.leftovers.filter((path) => !known.has(path)) ?? [];
  return {
    ...progress,
    ...(before ? { before: withoutLists(before) } : {}),
    ...(after ? { after: withoutLists(after) } : {}),
    ...(before && after ? { packages: diffPackages(before.packages, after.packages) } : {}),
    held: [
      ...new Set([
        ...((after ?? before)?.onHold ?? []),
        ...keptBack(log.slice(log.findLastIndex((line) => line.startsWith(COMMAND))).join("\n")),
      ]),
    ].sort(),
    conffiles: conffileDecisions(text, leftovers),
    tests: compareTests(tested, testedAgain),
    log: text,
    evidence: progress.evidence,
  };
}

function withoutLists({ system, kernel, usedBytes, failedUnits }: MachineState) {
  return { system, kernel, usedBytes, failedUnits };
}

function tested<T>(request: UpgradeRequest, progress: Progress, title: string, work: () => Promise<T>): Promise<T> {
  return timedPhase(request, progress, "deploy/test", title, work);
}
