import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectFile, openCache, verifyObject } from "../core/cache.ts";
import { runStep } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { type GuestTest, probeOf, testName } from "../model/guest-test.ts";
import type { Lock } from "../model/package.ts";
import type { Recipe } from "../model/recipe.ts";
import type { TestOutcome, TestRun } from "../model/test-run.ts";
import { baseImage, findBase } from "../stages/base-disk.ts";
import { connectQmp } from "../system/qmp.ts";
import { scaleDeadline } from "./accelerator.ts";
import { consoleTail } from "./console-log.ts";
import { createMachine } from "./create.ts";
import { type ExecResult, execInMachine } from "./exec.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";
import { removeMachine, stopMachine } from "./stop.ts";
import type { MachineStore } from "./store.ts";
import { startAndWait } from "./up.ts";

/** What to test, and how. */
export interface TestRequest {
  readonly recipe: Recipe;
  readonly origin: string;
  /** Tells this machine from others of the same run: a matrix's cell. */
  readonly label: string;
  readonly lock?: Lock | undefined;
  /** Leaves the machine as it is when a test failed. */
  readonly keep: boolean;
  /** How long it may take to boot. */
  readonly timeoutMs?: number | undefined;
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

const TEST_DEADLINE_MS = 60_000;
const CONSOLE_LINES = 400;
const AFTER_REBOOT = "after a reboot: ";
/** Of a failed test's output, the end. */
const SAID_CHARACTERS = 4000;

/**
 * Makes a throwaway machine from a recipe, boots it, and runs the recipe's tests in it; that it boots and has no failed unit is
 * always tested. The machine is a thin image over the base in the cache, whose hash is compared at the end, and is gone afterwards.
 *
 * @throws what making a machine throws; what happens inside of it is an outcome
 */
export async function runTests(store: MachineStore, request: TestRequest): Promise<TestRun> {
  const { recipe, origin, signal, emit } = request;
  const startedAt = Date.now();
  const name = `test-${randomBytes(4).toString("hex")}`;
  const { cacheDirectory, lock } = request;
  const making = { name, recipe, origin, lock, isThrowaway: true, cacheDirectory, signal, emit };
  const machine = await createMachine(store, making);
  let isKept = false;
  try {
    const { outcomes, evidence } = await runStep(request, "deploy/test", "Run the tests", () =>
      testMachine(store, machine, request),
    );
    const failed = outcomes.some(({ failure }) => failure !== undefined);
    isKept = failed && request.keep;
    if (!isKept) await stopMachine(store, machine, { force: true });
    const base = await runStep(request, "deploy/verify", "Compare the image", () => compareBase(machine, request));
    outcomes.push(base);
    return {
      ...{ label: request.label, hostname: recipe.hostname, origin, startedAt: new Date(startedAt).toISOString() },
      ...{ seconds: (Date.now() - startedAt) / 1000, outcomes, evidence, keptAs: isKept ? name : undefined },
    };
  } finally {
    if (!isKept) await removeMachine(store, machine);
  }
}

/** What a machine showed when something failed. */
type Evidence = TestRun["evidence"];

async function testMachine(
  store: MachineStore,
  machine: Machine,
  request: TestRequest,
): Promise<{ outcomes: TestOutcome[]; evidence: Evidence }> {
  const { tests } = request.recipe;
  const first = tests.filter((test) => !test["after-reboot"]);
  const later = tests.filter((test) => test["after-reboot"]);
  const outcomes = await bootAndTest(store, machine, "", first, request);
  let evidence = await gather(machine, outcomes);
  const hasBooted = outcomes[0]?.failure === undefined;
  if (!hasBooted) outcomes.push(...later.map((test) => unrun(`${AFTER_REBOOT}${testName(test)}`)));
  else if (later.length > 0) {
    await stopMachine(store, machine, { signal: request.signal });
    const after = await bootAndTest(store, machine, AFTER_REBOOT, later, request);
    evidence ??= await gather(machine, after);
    outcomes.push(...after);
  }
  return { outcomes, evidence };
}

async function bootAndTest(
  store: MachineStore,
  machine: Machine,
  prefix: string,
  tests: readonly GuestTest[],
  request: TestRequest,
): Promise<TestOutcome[]> {
  const startedAt = Date.now();
  const named = (test: GuestTest) => `${prefix}${testName(test)}`;
  let running: RunningMachine;
  try {
    running = await startAndWait(store, machine, { ...request, wait: true });
  } catch (error) {
    if (request.signal.aborted || !(error instanceof VmbuilderError)) throw error;
    const why = `the machine ${error.message.replace(`${machine.name} `, "")}`;
    return [
      { name: `${prefix}boots`, seconds: secondsSince(startedAt), failure: why },
      ...tests.map((test) => unrun(named(test))),
    ];
  }
  const bootSeconds = secondsSince(startedAt);
  const outcomes: TestOutcome[] = [{ name: `${prefix}boots`, seconds: bootSeconds }];
  outcomes.push(await timed(`${prefix}has no failed unit`, () => findFailedUnits(store, machine, running, request)));
  for (const [index, test] of tests.entries()) {
    request.emit({
      ...{ type: "progress", step: "deploy/test", done: index, total: tests.length, unit: "items" },
      ...{ item: named(test), atMs: Date.now() },
    });
    const limit = test["boot-within"];
    if (limit !== undefined) {
      const failure = bootSeconds > limit ? `it took ${bootSeconds.toFixed(1)} s` : undefined;
      outcomes.push({ name: named(test), seconds: bootSeconds, ...(failure && { failure }) });
      continue;
    }
    outcomes.push(await timed(named(test), () => probe(store, machine, running, test, request)));
  }
  return outcomes;
}

function unrun(name: string): TestOutcome {
  return { name, seconds: 0, failure: "the machine did not boot" };
}

interface Finding {
  readonly failure?: string | undefined;
  readonly said?: string | undefined;
}

async function timed(name: string, look: () => Promise<Finding>): Promise<TestOutcome> {
  const startedAt = Date.now();
  const { failure, said } = await look();
  const shown = failure === undefined ? undefined : said?.trim().slice(-SAID_CHARACTERS);
  return { name, seconds: secondsSince(startedAt), ...(failure && { failure }), ...(shown && { said: shown }) };
}

async function probe(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  test: GuestTest,
  { signal }: TestRequest,
): Promise<Finding> {
  const wanted = probeOf(test);
  if (!wanted) return {};
  const timeoutMs = (test.timeout ?? 0) * 1000 || scaleDeadline(TEST_DEADLINE_MS, running.run.accelerator);
  const answer = await execute(store, machine, running, wanted.command, { signal, timeoutMs, user: wanted.user });
  if (typeof answer === "string") return { failure: answer };
  if (answer.timedOut) return { failure: `it took longer than ${timeoutMs / 1000} s`, said: saidBy(answer) };
  return { failure: wanted.judge(answer), said: saidBy(answer) };
}

async function findFailedUnits(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  { signal }: TestRequest,
): Promise<Finding> {
  const timeoutMs = scaleDeadline(TEST_DEADLINE_MS, running.run.accelerator);
  const look =
    "state=$(systemctl is-system-running --wait); echo $state; [ $state = running ] || { systemctl --failed --plain --no-legend; systemctl status --failed --no-pager; }";
  const answer = await execute(store, machine, running, ["sh", "-c", look], { signal, timeoutMs });
  if (typeof answer === "string") return { failure: answer };
  if (answer.timedOut) return { failure: `it was not ready within ${timeoutMs / 1000} s`, said: saidBy(answer) };
  const [state = "", ...rest] = answer.stdout.split("\n");
  if (state === "running") return {};
  const units = rest.map((line) => /^(\S+\.\w+)\s+\S+ failed/.exec(line)?.[1]).filter((unit) => unit !== undefined);
  return {
    failure: units.length > 0 ? `failed: ${units.join(", ")}` : `the system is ${state}`,
    said: rest.join("\n"),
  };
}

/** A command's result, or in words why there is none: a machine that dies under test is a failed test. */
async function execute(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  command: readonly string[],
  options: { signal: AbortSignal; timeoutMs: number; user?: string | undefined },
): Promise<ExecResult | string> {
  try {
    return await execInMachine(store, machine, running, command, options);
  } catch (error) {
    if (options.signal.aborted || !(error instanceof VmbuilderError)) throw error;
    return error.message.replace(machine.name, "the machine");
  }
}

function saidBy({ stdout, stderr }: ExecResult): string {
  return [stdout, stderr].filter((text) => text.trim() !== "").join("\n");
}

/** The console's text and a picture of the screen, when something failed. */
async function gather(machine: Machine, outcomes: readonly TestOutcome[]): Promise<Evidence> {
  if (outcomes.every(({ failure }) => failure === undefined)) return undefined;
  return { console: await consoleTail(machine, CONSOLE_LINES), screenPng: await photograph(machine) };
}

/** The machine's screen as PNG in base64; undefined when it doesn't run any more, or its qemu writes no PNG. */
async function photograph({ directory }: Machine): Promise<string | undefined> {
  const scratch = await mkdtemp(join(tmpdir(), "vmbuilder-screen-"));
  const qmp = await connectQmp(directory, MACHINE_FILES.qmp, 5000).catch(() => undefined);
  try {
    const filename = join(scratch, "screen.png");
    await qmp?.execute("screendump", { filename, format: "png" });
    return (await readFile(filename)).toString("base64");
  } catch {
    return undefined;
  } finally {
    qmp?.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Shows that tests changed nothing of what other machines stand on. */
async function compareBase(machine: Machine, { cacheDirectory, signal }: TestRequest): Promise<TestOutcome> {
  const startedAt = Date.now();
  const name = "leaves the image untouched";
  const record = JSON.parse(await readFile(join(machine.directory, "build.json"), "utf8")) as { base: { key: string } };
  const cache = await openCache(cacheDirectory);
  const base = await findBase(record.base.key, { cache });
  if (!base) return { name, seconds: 0, failure: "the image has gone from the cache" };
  const isWhole = await verifyObject(cache, base.object, signal);
  const image = objectFile(base.object, baseImage(0));
  return { name, seconds: secondsSince(startedAt), ...(isWhole ? {} : { failure: `${image} has changed` }) };
}

function secondsSince(startedAt: number): number {
  return (Date.now() - startedAt) / 1000;
}
