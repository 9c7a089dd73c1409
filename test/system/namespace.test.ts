import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { VmbuilderError } from "../../src/model/errors.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";

const interrupted = new VmbuilderError("interrupted", "stopped by SIGINT");
const SLEEP = ["sleep", "60"];

/** Ends work by its signal after a while, and returns what it says. */
async function endAfter(ms: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> {
  const stop = new AbortController();
  const done = work(stop.signal).catch((error: unknown) => error);
  await delay(ms);
  stop.abort(interrupted);
  return done;
}

// The ids are mapped some 10 to 40 ms after the start: before, at and after that, an interrupt is an interrupt.
it.each([0, 2, 5, 10, 15, 20, 25, 30, 40, 60, 100])("calls what is interrupted after %d ms so", async (ms) => {
  expect(await endAfter(ms, (signal) => runInNamespace([...OWN_MOUNTS, ...SLEEP], { signal }))).toBe(interrupted);
});
