import { escapeXml as escapeHtml } from "../../hypervisors/xml.ts";
import { formatSeconds } from "../../model/duration.ts";
import { failuresOf, type TestOutcome, type TestRun } from "../../model/test-run.ts";

/** Tests as a page that stands alone: what failed is open, with the console's text and the screen. */
export function formatHtml(runs: readonly TestRun[]): string {
  const all = runs.flatMap((run) => run.outcomes);
  const failed = failuresOf({ outcomes: all }).length;
  const verdict = failed === 0 ? `All ${all.length} tests passed` : `${failed} of ${all.length} tests failed`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${verdict}</title>
<style>${STYLE}</style>
<main>
<h1 class="${failed === 0 ? "pass" : "fail"}">${verdict}</h1>
${runs.map(machine).join("\n")}
</main>
</html>
`;
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
${evidence ? shown(evidence) : ""}</section>`;
}

function row({ name, failure, said, seconds }: TestOutcome): string {
  const why = failure === undefined ? "" : `<p class="why">${escapeHtml(failure)}</p>`;
  const output = said === undefined ? "" : `<pre>${escapeHtml(said)}</pre>`;
  const [kind, word] = failure === undefined ? ["pass", "✓ passed"] : ["fail", "✗ failed"];
  return `<tr><td class="${kind}">${word}</td><td>${escapeHtml(name)}${why}${output}</td><td class="time">${formatSeconds(seconds)}</td></tr>`;
}

function shown({ console, screenPng }: NonNullable<TestRun["evidence"]>): string {
  const screen =
    screenPng === undefined
      ? ""
      : `<h3>Screen</h3>\n<img alt="The machine's screen when a test had failed" src="data:image/png;base64,${screenPng}">\n`;
  return `${screen}<details open><summary>Serial console</summary><pre>${escapeHtml(console)}</pre></details>\n`;
}

const STYLE = `
:root { color-scheme: light dark; --text: #1c2024; --soft: #60666d; --line: #dcdfe3; --back: #fff; --code: #f4f5f7; --pass: #18794e; --fail: #c4302b }
@media (prefers-color-scheme: dark) { :root { --text: #edeef0; --soft: #a3a9b1; --line: #363a3f; --back: #111314; --code: #1b1e20; --pass: #4cc38a; --fail: #ff8b85 } }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2 }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0 }
h2 small { font-weight: normal; margin-left: .5em }
.about { color: var(--soft); margin: .25rem 0 1rem }
.pass { color: var(--pass) } .fail { color: var(--fail) }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .875rem }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td:first-child { white-space: nowrap }
.time { text-align: right; white-space: nowrap; padding-right: 0; font-variant-numeric: tabular-nums }
.why { color: var(--fail); margin: .25rem 0 0 }
pre { background: var(--code); padding: .75rem; border-radius: 6px; overflow: auto; max-height: 24rem; font: 13px/1.45 ui-monospace, monospace }
summary { cursor: pointer; margin-top: 1rem; font-weight: 600 }
img { max-width: 100%; border: 1px solid var(--line); border-radius: 6px }
`;
