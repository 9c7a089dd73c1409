import { formatSeconds } from "../../model/duration.ts";
import { type TestChange, type UpgradeRun, upgradeFailure, upgradeTitle } from "../../model/upgrade-run.ts";
import { createPaint, type Paint } from "./color.ts";
import { chooseGlyphs } from "./glyphs.ts";
import { printableLines } from "./text.ts";

const CONSOLE_LINES = 15;
const LOG_LINES = 15;
const MOST_NAMES = 8;

const CHANGES: Readonly<Record<TestChange["change"], string>> = {
  passes: "",
  broke: "broke",
  mended: "passes only now",
  fails: "failed before, too",
  unrun: "not run again",
};

/** An upgrade, in some lines: what became of packages, configuration files and tests, and how long it took. */
export function formatUpgradeRun(run: UpgradeRun, { color }: { color: boolean }): string {
  const paint = createPaint(color);
  const failure = upgradeFailure(run);
  const verdict = failure === undefined ? paint("green", "went well") : paint("red", line(failure));
  const { before, after, warnings, failure: stopped, log, evidence, keptAs } = run;
  const lines = [
    `${paint("bold", `${run.hostname}, ${upgradeTitle(run)}`)}: ${verdict}, ${formatSeconds(run.seconds)}`,
    ...warnings.map((text) => `  ${paint("yellow", "warning:")} ${line(text)}`),
    ...(before && after
      ? [`  System    ${before.system} to ${after.system}; kernel ${before.kernel} to ${after.kernel}`]
      : []),
    ...packageLines(run),
    ...conffileLines(run),
    ...run.tests.flatMap((test) => testLines(test, paint)),
    `  Time      ${run.phases.map(({ title, seconds }) => `${title.toLowerCase()} ${formatSeconds(seconds)}`).join(", ")}`,
    ...(stopped === undefined ? [] : tail("  what apt and dpkg said, at the end:", log, LOG_LINES)),
    ...(evidence ? tail("  its console, at the end:", evidence.console, CONSOLE_LINES) : []),
    ...(keptAs === undefined
      ? []
      : [`  kept for a look: vmbuilder ssh ${keptAs}; back to before: vmbuilder restore ${keptAs} before-upgrade`]),
  ];
  return `${lines.join("\n")}\n`;
}

function packageLines({ packages, held }: UpgradeRun): string[] {
  if (!packages) return [];
  const { changed, added, removed } = packages;
  return [
    `  Packages  ${changed.length} changed, ${added.length} new, ${removed.length} removed, ${held.length} held`,
    ...(removed.length > 0 ? [`  Removed   ${some(removed.map(({ name }) => name))}`] : []),
    ...(held.length > 0 ? [`  Held      ${some(held)}`] : []),
  ];
}

function conffileLines({ conffiles }: UpgradeRun): string[] {
  return (["kept", "replaced"] as const).flatMap((decision) => {
    const paths = conffiles.filter((one) => one.decision === decision).map(({ path }) => path);
    return paths.length > 0 ? [`  ${decision === "kept" ? "Kept    " : "Replaced"}  ${some(paths)}`] : [];
  });
}

function testLines({ name, before, after, change }: TestChange, paint: Paint): string[] {
  const glyphs = chooseGlyphs(process.env);
  const isGood = change === "passes" || change === "mended";
  const failure = (after ?? before)?.failure;
  const note = [CHANGES[change], ...(failure === undefined ? [] : [failure])]
    .filter((text) => text !== "")
    .map(line)
    .join(": ");
  const mark = isGood ? paint("green", glyphs.done) : paint("red", glyphs.failed);
  const output = failure === undefined ? [] : printableLines((after ?? before)?.said ?? "").slice(-CONSOLE_LINES);
  return [`  ${mark} ${line(name)}${note === "" ? "" : `: ${note}`}`, ...output.map((text) => `      ${text}`)];
}

function tail(heading: string, text: string, count: number): string[] {
  const lines = printableLines(text).slice(-count);
  return lines.length > 0 ? [heading, ...lines.map((one) => `      ${one}`)] : [];
}

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return names.slice(0, MOST_NAMES).map(line).join(", ") + more;
}

function line(text: string): string {
  return printableLines(text).join(" ");
}
