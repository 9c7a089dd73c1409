import { formatSeconds } from "../../model/duration.ts";
import type { VmbuilderError } from "../../model/errors.ts";
import { formatTable } from "./table.ts";

/** A machine as the summary of a matrix names it. */
interface Outcome {
  readonly label: string;
  readonly plan: { readonly recipe: { readonly hostname: string }; readonly destination: string };
  readonly result?: { readonly directory: string; readonly seconds: number; readonly cached: readonly string[] };
  readonly error?: VmbuilderError;
}

/** One table of all machines of a matrix. Ends with a line feed. */
export function formatMatrixSummary(outcomes: readonly Outcome[], seconds: number, columns?: number): string {
  const table = formatTable(
    [
      { heading: "machine" },
      { heading: "matrix" },
      { heading: "time", align: "right" },
      { heading: "result", flexible: true },
    ],
    outcomes.map(({ label, plan, result, error }) => [
      plan.recipe.hostname,
      label,
      result ? formatSeconds(result.seconds) : "",
      result ? result.directory : `failed: ${error?.message ?? "stopped"}`,
    ]),
    columns,
  );
  const ready = outcomes.filter(({ result }) => result).length;
  return `\n${table.join("\n")}\n\n${ready} of ${outcomes.length} machines are ready in ${formatSeconds(seconds)}\n`;
}
