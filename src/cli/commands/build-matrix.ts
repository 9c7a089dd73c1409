import { availableParallelism } from "node:os";
import { Slots } from "../../core/slots.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { Plan } from "../../model/plan.ts";
import { type BuildOptions, type BuildResult, buildMachine } from "../../stages/build.ts";
import { runSession, type SessionOptions } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { createMatrixDisplay } from "../terminal/matrix-display.ts";
import { formatMatrixSummary } from "../terminal/matrix-summary.ts";

/** A machine of a matrix: what tells it from the others, and its plan. */
export interface PlannedCell {
  readonly label: string;
  readonly plan: Plan;
}

/** How a machine of a matrix ended. */
export interface CellOutcome extends PlannedCell {
  readonly result?: BuildResult;
  readonly error?: VmbuilderError;
}

/** Installing and packing a system takes about this much beside the page cache. */
const BYTES_PER_BUILD = 1024 ** 3;

/**
 * Builds the machines of a matrix side by side, as many as memory and processors allow. The first of each suite goes
 * ahead of the others of that suite, and the first with a set of packages ahead of those with the same, so that each step
 * which they share is done once. A failure stops no other machine.
 *
 * @throws matrix-failed when any failed; interrupted
 */
export async function buildMatrix(
  cells: readonly PlannedCell[],
  settings: Pick<BuildOptions, "cacheDirectory" | "overwrite" | "tmp"> & SessionOptions,
): Promise<void> {
  const startedAt = performance.now();
  const outcomes = await runSession({ quiet: true }, async ({ signal }) => {
    const display = createMatrixDisplay(
      cells.map(({ label }) => label),
      settings,
    );
    const slots = new Slots(
      Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / BYTES_PER_BUILD))),
    );
    try {
      const all = await inOrder(cells, (cell, index) =>
        slots.run(async (): Promise<CellOutcome> => {
          signal.throwIfAborted();
          try {
            const emit = display.sinkOf(index);
            const result = await buildMachine(cell.plan, { ...settings, signal, emit });
            display.finish(index, result);
            return { ...cell, result };
          } catch (error) {
            if (signal.aborted || !(error instanceof VmbuilderError)) throw error;
            display.finish(index, error);
            return { ...cell, error };
          }
        }),
      );
      return all;
    } finally {
      display.close();
    }
  });
  report(outcomes, (performance.now() - startedAt) / 1000, settings);
  const failed = outcomes.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return;
  throw new VmbuilderError("matrix-failed", `${failed.length} of ${outcomes.length} machines failed`, {
    hint: "the others are complete; see above why these are not",
  });
}

/** Starts each cell when those ahead of it have ended, however they ended. */
async function inOrder<T>(
  cells: readonly PlannedCell[],
  work: (cell: PlannedCell, index: number) => Promise<T>,
): Promise<T[]> {
  const leaders = new Map<string, Promise<unknown>>();
  const runs = cells.map((cell, index) => {
    const { recipe, suite, architecture, packages, changes } = cell.plan;
    const system = JSON.stringify([recipe.distro, suite, architecture]);
    const tree = JSON.stringify([system, packages, changes]);
    const ahead = [leaders.get(system), leaders.get(tree)];
    const run = Promise.allSettled(ahead).then(() => work(cell, index));
    if (!leaders.has(system)) leaders.set(system, run);
    if (!leaders.has(tree)) leaders.set(tree, run);
    return run;
  });
  const settled = await Promise.allSettled(runs);
  return settled.map((one) => {
    if (one.status === "fulfilled") return one.value;
    throw one.reason; // an interrupt, or a mistake of ours
  });
}

function report(outcomes: readonly CellOutcome[], seconds: number, { json, quiet }: SessionOptions): void {
  if (!json) {
    if (!quiet) process.stdout.write(formatMatrixSummary(outcomes, seconds, process.stdout.columns));
    return;
  }
  for (const { label, plan, result, error } of outcomes) {
    const { hostname } = plan.recipe;
    if (error) {
      const { code, message, hint } = error;
      writeJsonLine(process.stdout, { type: "error", cell: label, hostname, code, message, hint });
    }
    if (!result) continue;
    const { directory, artifacts, packages, cached } = result;
    const facts = { directory, artifacts, packages, seconds: result.seconds, cached };
    writeJsonLine(process.stdout, { type: "result", cell: label, hostname, ...facts });
  }
  const failed = outcomes.filter(({ error }) => error !== undefined).length;
  writeJsonLine(process.stdout, { type: "summary", machines: outcomes.length, failed, seconds });
}
