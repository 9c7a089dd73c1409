import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findObject, objectFile, openCache, verifyObject } from "../core/cache.ts";
import { runStep } from "../core/context.ts";
import type { EventSink } from "../model/events.ts";
import { type GuestTest, testName } from "../model/guest-test.ts";
import type { Lock } from "../model/package.ts";
import type { Recipe } from "../model/recipe.ts";
import type { TestOutcome, TestRun } from "../model/test-run.ts";
import { baseImage, findBase } from "../stages/base-disk.ts";
import { processStart } from "../system/files.ts";
import { createMachine } from "./create.ts";
import { type Evidence, gatherEvidence } from "./evidence.ts";
import { bootAndTest, unrun } from "./guest-tests.ts";
import type { Machine, MachineSpec } from "./machine.ts";
import { removeMachine, stopMachine } from "./stop.ts";
import { type MachineStore, writeSpec } from "./store.ts";

/** What to test, and how. */
export interface TestRequest extends Omit<ThrowawayTest, "tests" | "hostname" | "make"> {
  readonly recipe: Recipe;
  readonly lock?: Lock | undefined;
  /** Boot it, even where it could go on from one that has booted. */
  readonly boot: boolean;
}

/** Tests for a machine that is made for them. */
export interface ThrowawayTest {
  readonly tests: readonly GuestTest[];
  readonly hostname: string;
  /** Makes the machine, which belongs to this process. */
  make(name: string, owner: MachineSpec["owner"]): Promise<Machine>;
  readonly origin: string;
  /** Tells this machine from others of the same run: a matrix's cell. */
  readonly label: string;
  /** Leaves the machine as it is when a test failed. */
  readonly keep: boolean;
  /** How long it may take to boot. */
  readonly timeoutMs?: number | undefined;
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

const AFTER_REBOOT = "after a reboot: ";

/**
 * Makes a throwaway machine from a recipe, boots it, and runs the recipe's tests in it; that it boots and has no failed unit is
 * always tested. Unless a test is of the boot itself, the machine goes on from the memory of one that has booted. The machine is a thin image over the base in the cache, whose hash is compared at the end, and is gone afterwards.
 *
 * @throws what making a machine throws; what happens inside of it is an outcome
 */
export function runTests(store: MachineStore, request: TestRequest): Promise<TestRun> {
  const { recipe, origin, lock, cacheDirectory, signal, emit } = request;
  const isOfBoot = recipe.tests.some((test) => test["boot-within"] !== undefined && !test["after-reboot"]);
  const fast = request.boot || isOfBoot ? false : "preferred";
  return testThrowaway(store, {
    ...{ ...request, tests: recipe.tests, hostname: recipe.hostname },
    make: (name, owner) =>
      createMachine(store, { name, owner, recipe, origin, lock, cacheDirectory, signal, emit, fast }),
  });
}

/** Like {@link runTests}, for a machine that the caller makes. @throws what making it throws */
export async function testThrowaway(store: MachineStore, request: ThrowawayTest): Promise<TestRun> {
  const { hostname, origin } = request;
  const startedAt = Date.now();
  const name = `test-${randomBytes(4).toString("hex")}`;
  const owner = { pid: process.pid, start: (await processStart(process.pid)) ?? "" };
  const machine = await request.make(name, owner);
  let isKept = false;
  try {
    const { outcomes, evidence } = await runStep(request, "deploy/test", "Run the tests", () =>
      testMachine(store, machine, request),
    );
    const failed = outcomes.some(({ failure }) => failure !== undefined);
    isKept = failed && request.keep;
    if (isKept) await writeSpec({ ...machine, owner: undefined });
    else await stopMachine(store, machine, { force: true });
    const base = await runStep(request, "deploy/verify", "Compare the image", () => compareBase(machine, request));
    if (base) outcomes.push(base);
    return {
      ...{ label: request.label, hostname, origin, startedAt: new Date(startedAt).toISOString() },
      ...{ seconds: (Date.now() - startedAt) / 1000, outcomes, evidence, keptAs: isKept ? name : undefined },
    };
  } finally {
    if (!isKept) await removeMachine(store, machine);
  }
}

async function testMachine(
  store: MachineStore,
  machine: Machine,
  request: ThrowawayTest,
): Promise<{ outcomes: TestOutcome[]; evidence: Evidence }> {
  const { tests } = request;
  const first = tests.filter((test) => !test["after-reboot"]);
  const later = tests.filter((test) => test["after-reboot"]);
  const outcomes = await bootAndTest(store, machine, "", first, request);
  let evidence = await gatherEvidence(machine, outcomes);
  const hasBooted = outcomes[0]?.failure === undefined;
  if (!hasBooted) outcomes.push(...later.map((test) => unrun(`${AFTER_REBOOT}${testName(test)}`)));
  else if (later.length > 0) {
    await stopMachine(store, machine, { signal: request.signal });
    const after = await bootAndTest(store, machine, AFTER_REBOOT, later, request);
    evidence ??= await gatherEvidence(machine, after);
    outcomes.push(...after);
  }
  return { outcomes, evidence };
}

/** Shows that tests changed nothing of what other machines stand on. */
async function compareBase(
  machine: Machine,
  { cacheDirectory, signal }: ThrowawayTest,
): Promise<TestOutcome | undefined> {
  const startedAt = Date.now();
  const name = "leaves the image untouched";
  const record = JSON.parse(await readFile(join(machine.directory, "build.json"), "utf8")) as { base: { key: string } };
  const cache = await openCache(cacheDirectory);
  const base = await findBase(record.base.key, { cache });
  if (!base) {
    if (await findObject(cache, "tree", record.base.key)) return undefined; // its disks share nothing
    return { name, seconds: 0, failure: "the image has gone from the cache" };
  }
  const isWhole = await verifyObject(cache, base.object, signal);
  const image = objectFile(base.object, baseImage(0));
  return { name, seconds: secondsSince(startedAt), ...(isWhole ? {} : { failure: `${image} has changed` }) };
}

function secondsSince(startedAt: number): number {
  return (Date.now() - startedAt) / 1000;
}
