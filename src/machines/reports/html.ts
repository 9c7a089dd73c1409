import { escapeXml as escapeHtml } from "../../hypervisors/xml.ts";
import { formatSeconds } from "../../model/duration.ts";
import { failuresOf, type TestOutcome, type TestRun } from "../../model/test-run.ts";
import { formatEvidence, formatPage } from "./page.ts";

/** Tests as a page that stands alone: what failed is open, with the console's text and the screen. */
export function formatHtml(runs: readonly TestRun[]): string {
  const all = runs.flatMap((run) => run.outcomes);
  const failed = failuresOf({ outcomes: all }).length;
  const verdict = failed === 0 ? `All ${all.length} tests passed` : `${failed} of ${all.length} tests failed`;
  return formatPage(verdict, failed === 0, runs.map(machine));
}

function machine(run: TestRun): string {
  const { label, origin, startedAt, seconds, outcomes, evidence, keptAs } = run;
  const failed = failuresOf(run).length;
  const sum = failed === 0 ? `${outcomes.length} passed` : `${failed} of ${outcomes.length} failed`;
  const kept = keptAs === undefined ? "" : `<p>Kept for a look: <code>vmbuilder ssh ${escapeHtml(keptAs)}</code></p>`;
  return `<section>
<h2>${escapeHtml(label)} <small class="${failed === 0 ? "pass" : "fail"}">${sum}</small></h2>
<p class="about">${escapeHtml(origin)} · <time datetime="${startedAt}">${startedAt.slice(0, 16).replace("T", " ")} UTC</time> · ${formatSeconds(seconds)}</p>
${kept}<table>
<thead><tr><th scope="col">Result</th><th scope="col">Test</th><th scope="col" class="time">Time</th></tr></thead>
<tbody>
${outcomes.map(row).join("\n")}
</tbody>
</table>
${evidence ? formatEvidence(evidence) : ""}</section>`;
}

function row({ name, failure, said, seconds }: TestOutcome): string {
  const why = failure === undefined ? "" : `<p class="why">${escapeHtml(failure)}</p>`;
  const output = said === undefined ? "" : `<pre>${escapeHtml(said)}</pre>`;
  const [kind, word] = failure === undefined ? ["pass", "✓ passed"] : ["fail", "✗ failed"];
  return `<tr><td class="${kind}">${word}</td><td>${escapeHtml(name)}${why}${output}</td><td class="time">${formatSeconds(seconds)}</td></tr>`;
}
