import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { Slots } from "../../../core/slots.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { EventSink } from "../../../model/events.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { failuresOf, type TestRun } from "../../../model/test-run.ts";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../../options.ts";
import { readSurroundings, recipeOptions } from "../../recipe-options.ts";
import { runSession, type Session } from "../../session.ts";
import { wantsColor } from "../../terminal/color.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { createMatrixDisplay } from "../../terminal/matrix-display.ts";
import { formatTestRun } from "../../terminal/test-summary.ts";
import { BUILD_CHOICES, prepareLock } from "../build.ts";
import { readSeconds } from "./shared.ts";
import { NOT_HERE, originOf } from "./up.ts";

interface TestOptions {
  junit?: string;
  tap?: string;
  html?: string;
  keep?: boolean;
  boot?: boolean;
  timeout?: string;
}

/** A machine to test. */
interface Cell {
  readonly label: string;
  readonly recipe: Recipe;
}

/** Beside its memory, what a machine's qemu takes. */
const QEMU_BYTES = 256 * 1024 ** 2;

/** Adds `vmbuilder test`. */
export function addTest(program: Command): void {
  const command = program
    .command("test")
    .argument("<RECIPE>", "recipe file with tests:")
    .summary("Runs a recipe's tests in a throwaway machine.")
    .description(
      "Makes a throwaway machine from a recipe, boots it, runs the tests of the recipe in it, and removes it. A matrix is tested side by side.",
    )
    .option("--junit <FILE>", "write the results as JUnit XML")
    .option("--tap <FILE>", "write the results as TAP; - is the standard output")
    .option("--html <FILE>", "write a page of the results, with console and screen of what failed")
    .option("--keep", "keep the machine of a failed test, running")
    .option("--boot", "boot it, instead of going on from one that has booted")
    .option("--timeout <SECONDS>", "how long it may take to boot (default 60, without KVM 360)");
  addBuildOptions(
    command,
    BUILD_CHOICES,
    NOT_HERE.filter((key) => key !== "matrix"),
  ).action((recipe: string) => test(recipe, readBuildOptions(command), command.opts<TestOptions>()));
}

async function test(file: string, given: BuildOptionValues, options: TestOptions): Promise<void> {
  const timeoutMs = readSeconds("--timeout", options.timeout);
  const [{ readRecipes }, { planBuild }] = await Promise.all([
    import("../../../core/recipe-file.ts"),
    import("../../../stages/plan.ts"),
  ]);
  const cells: Cell[] = (await readRecipes(file, recipeOptions(given), await readSurroundings(given))).map(
    ({ label, recipe }) => ({ label: label || recipe.hostname, recipe }),
  );
  const plans = await Promise.all(cells.map(({ recipe }) => planBuild(recipe)));
  const [first] = plans;
  const findLock = first && cells.length === 1 ? await prepareLock(file, first, given) : async () => undefined;
  const [{ openStore }, { runTests }, { defaultCacheDirectory }] = await Promise.all([
    import("../../../machines/store.ts"),
    import("../../../machines/test-run.ts"),
    import("../../../core/cache.ts"),
  ]);
  const store = await openStore();
  const cacheDirectory = given["cache-dir"] ?? defaultCacheDirectory();
  const one = async ({ label, recipe }: Cell, { signal, emit }: Pick<Session, "signal" | "emit">) => {
    const common = { cacheDirectory, signal, emit };
    const lock = await findLock(common);
    return runTests(store, {
      ...{ ...common, label, recipe, origin: originOf(file), lock, keep: options.keep ?? false, timeoutMs },
      boot: options.boot ?? false,
    });
  };
  const [only] = cells;
  const runs =
    only && cells.length === 1
      ? [await runSession(given, (session) => one(only, session))]
      : await runSession({ quiet: true }, (session) => testAll(cells, given, session.signal, one));
  await report(runs, given, options);
}

/** Tests machines side by side, as many as memory and processors allow. One that can't be made stops no other. */
async function testAll(
  cells: readonly Cell[],
  given: BuildOptionValues,
  signal: AbortSignal,
  one: (cell: Cell, session: { signal: AbortSignal; emit: EventSink }) => Promise<TestRun>,
): Promise<TestRun[]> {
  const labels = cells.map(({ label }) => label);
  const display = createMatrixDisplay(labels, given);
  const largest = Math.max(...cells.map(({ recipe }) => recipe.mem * 1024 ** 2)) + QEMU_BYTES;
  const slots = new Slots(
    Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / largest))),
  );
  try {
    return await Promise.all(
      cells.map((cell, index) =>
        slots.run(async () => {
          signal.throwIfAborted();
          try {
            const run = await one(cell, { signal, emit: display.sinkOf(index) });
            display.finish(index, failuresOf(run).length === 0 ? run : failedTests([run]));
            return run;
          } catch (error) {
            if (signal.aborted || !(error instanceof VmbuilderError)) throw error;
            display.finish(index, error);
            return unmade(cell, error);
          }
        }),
      ),
    );
  } finally {
    display.close();
  }
}

/** A machine that could not be made, as a failed test. */
function unmade({ label, recipe }: Cell, { message }: VmbuilderError): TestRun {
  return {
    ...{ label, hostname: recipe.hostname, origin: label, startedAt: new Date().toISOString(), seconds: 0 },
    ...{ outcomes: [{ name: "can be made", seconds: 0, failure: message }], evidence: undefined, keptAs: undefined },
  };
}

async function report(runs: readonly TestRun[], given: BuildOptionValues, options: TestOptions): Promise<void> {
  const [{ formatJunit }, { formatTap }, { formatHtml }, { writeFileAtomically }] = await Promise.all([
    import("../../../machines/reports/junit.ts"),
    import("../../../machines/reports/tap.ts"),
    import("../../../machines/reports/html.ts"),
    import("../../../system/files.ts"),
  ]);
  if (options.junit !== undefined) await writeFileAtomically(options.junit, formatJunit(runs));
  if (options.html !== undefined) await writeFileAtomically(options.html, formatHtml(runs));
  const tapToStdout = options.tap === "-";
  if (tapToStdout) process.stdout.write(formatTap(runs));
  else if (options.tap !== undefined) await writeFileAtomically(options.tap, formatTap(runs));
  if (given.json) {
    for (const { evidence, ...run } of runs)
      writeJsonLine(process.stdout, { type: "tests", ...run, console: evidence?.console });
  } else if (!given.quiet && !tapToStdout) {
    const color = wantsColor(process.stdout, process.env);
    for (const run of runs) process.stdout.write(formatTestRun(run, { color }));
  }
  if (runs.some((run) => failuresOf(run).length > 0)) throw failedTests(runs);
}

function failedTests(runs: readonly TestRun[]): VmbuilderError {
  const all = runs.flatMap(({ outcomes }) => outcomes);
  const count = failuresOf({ outcomes: all }).length;
  return new VmbuilderError("tests-failed", `${count} of ${all.length} tests failed`);
}
