import { escapeXml } from "../../hypervisors/xml.ts";
import { failuresOf, type TestRun } from "../../model/test-run.ts";

/**
 * Tests as JUnit's XML: a suite for each machine, its console as the suite's output.
 *
 * @see https://github.com/testmoapp/junitxml
 */
export function formatJunit(runs: readonly TestRun[]): string {
  const outcomes = runs.flatMap((run) => run.outcomes);
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  const counts = `tests="${outcomes.length}" failures="${failuresOf({ outcomes }).length}" errors="0"`;
  const suites = runs.map(suite).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="vmbuilder" ${counts} time="${seconds.toFixed(3)}">\n${suites}</testsuites>\n`;
}

function suite(run: TestRun): string {
  const { label, outcomes, startedAt, seconds, evidence } = run;
  const name = xml(label);
  const cases = outcomes.map((outcome) => {
    const head = `    <testcase classname="${name}" name="${xml(outcome.name)}" time="${outcome.seconds.toFixed(3)}"`;
    if (outcome.failure === undefined) return `${head}/>\n`;
    return `${head}>\n      <failure message="${xml(outcome.failure)}">${xml(outcome.said ?? "")}</failure>\n    </testcase>\n`;
  });
  const console = evidence ? `    <system-out>${xml(evidence.console)}</system-out>\n` : "";
  const counts = `tests="${outcomes.length}" failures="${failuresOf(run).length}" errors="0" skipped="0"`;
  const when = `time="${seconds.toFixed(3)}" timestamp="${startedAt.replace(/\.\d+Z$/, "")}"`;
  return `  <testsuite name="${name}" ${counts} ${when}>\n${cases.join("")}${console}  </testsuite>\n`;
}

/** Text without the characters that XML has no way to write. */
function xml(text: string): string {
  return escapeXml(text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/gu, "\ufffd"));
}
