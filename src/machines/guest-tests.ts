import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { type GuestProbe, type GuestTest, type ProbeAnswer, probeOf, testName } from "../model/guest-test.ts";
import type { TestOutcome } from "../model/test-run.ts";
import { scaleDeadline } from "./accelerator.ts";
import { type ExecResult, execInMachine } from "./exec.ts";
import type { Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";
import type { MachineStore } from "./store.ts";
import { startAndWait } from "./up.ts";

/** What running tests needs beside the machine. */
export interface TestContext {
  /** How long it may take to boot. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

const TEST_DEADLINE_MS = 60_000;
const JUDGE_MS = 2000;
/** Of a failed test's output, the end. */
const SAID_CHARACTERS = 4000;

/**
 * Starts a machine and runs tests in it; that it boots and has no failed unit is always tested.
 *
 * @param prefix of the outcomes' names
 */
export async function bootAndTest(
  store: MachineStore,
  machine: Machine,
  prefix: string,
  tests: readonly GuestTest[],
  context: TestContext,
): Promise<TestOutcome[]> {
  const startedAt = Date.now();
  const named = (test: GuestTest) => `${prefix}${testName(test)}`;
  let running: RunningMachine;
  try {
    running = await startAndWait(store, machine, { ...context, wait: true });
  } catch (error) {
    if (context.signal.aborted || !(error instanceof VmbuilderError)) throw error;
    const why = `the machine ${error.message.replace(`${machine.name} `, "")}`;
    return [
      { name: `${prefix}boots`, seconds: secondsSince(startedAt), failure: why },
      ...tests.map((test) => unrun(named(test))),
    ];
  }
  const bootSeconds = secondsSince(startedAt);
  const outcomes: TestOutcome[] = [{ name: `${prefix}boots`, seconds: bootSeconds }];
  outcomes.push(await timed(`${prefix}has no failed unit`, () => findFailedUnits(store, machine, running, context)));
  for (const [index, test] of tests.entries()) {
    context.emit({
      ...{ type: "progress", step: "deploy/test", done: index, total: tests.length, unit: "items" },
      ...{ item: named(test), atMs: Date.now() },
    });
    const limit = test["boot-within"];
    if (limit !== undefined) {
      const failure = bootSeconds > limit ? `it took ${bootSeconds.toFixed(1)} s` : undefined;
      outcomes.push({ name: named(test), seconds: bootSeconds, ...(failure && { failure }) });
      continue;
    }
    outcomes.push(await timed(named(test), () => probe(store, machine, running, test, context)));
  }
  return outcomes;
}

/** What becomes of a test in a machine that did not boot. */
export function unrun(name: string): TestOutcome {
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
  { signal }: TestContext,
): Promise<Finding> {
  const wanted = probeOf(test);
  if (!wanted) return {};
  const timeoutMs = (test.timeout ?? 0) * 1000 || scaleDeadline(TEST_DEADLINE_MS, running.run.accelerator);
  const answer = await execute(store, machine, running, wanted.command, { signal, timeoutMs, user: wanted.user });
  if (typeof answer === "string") return { failure: answer };
  if (answer.timedOut) return { failure: `it took longer than ${timeoutMs / 1000} s`, said: saidBy(answer) };
  return { failure: judgeInTime(wanted, answer), said: saidBy(answer) };
}

async function findFailedUnits(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  { signal }: TestContext,
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

function secondsSince(startedAt: number): number {
  return (Date.now() - startedAt) / 1000;
}

/** A regular expression can take for ever over a text, and nothing else would go on meanwhile. */
export function judgeInTime(probe: Pick<GuestProbe, "judge">, answer: ProbeAnswer): string | undefined {
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  try {
    return runInNewContext("judge()", { judge: () => probe.judge(answer) }, { timeout: JUDGE_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    return `whether its output matches is not known after ${JUDGE_MS / 1000} s: the regular expression is too slow`;
  }
}
