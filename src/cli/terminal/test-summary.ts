import { formatSeconds } from "../../model/duration.ts";
import { failuresOf, type TestRun } from "../../model/test-run.ts";
import { createPaint } from "./color.ts";
import { chooseGlyphs } from "./glyphs.ts";
import { printableLines } from "./text.ts";

const CONSOLE_LINES = 15;
const SAID_LINES = 20;

/** A machine's tests, each with how it ended; what failed with what was said. */
export function formatTestRun(run: TestRun, { color }: { color: boolean }): string {
  const paint = createPaint(color);
  const glyphs = chooseGlyphs(process.env);
  const failed = failuresOf(run).length;
  const sum = failed === 0 ? `${run.outcomes.length} passed` : `${failed} of ${run.outcomes.length} failed`;
  const lines = run.outcomes.flatMap(({ name, seconds, failure, said = "" }) => {
    const [shown = ""] = printableLines(name);
    if (failure === undefined)
      return [`  ${paint("green", glyphs.done)} ${shown} ${paint("dim", formatSeconds(seconds))}`];
    const output = printableLines(said).slice(-SAID_LINES);
    return [
      `  ${paint("red", glyphs.failed)} ${shown}: ${printableLines(failure).join(" ")}`,
      ...output.map((line) => `      ${line}`),
    ];
  });
  const tail = run.evidence ? printableLines(run.evidence.console).slice(-CONSOLE_LINES) : [];
  const console = tail.length > 0 ? ["  its console, at the end:", ...tail.map((line) => `      ${line}`)] : [];
  const kept = run.keptAs === undefined ? [] : [`  kept for a look: vmbuilder ssh ${run.keptAs}`];
  return `${[`${paint("bold", run.label)}: ${sum} in ${formatSeconds(run.seconds)}`, ...lines, ...console, ...kept].join("\n")}\n`;
}
