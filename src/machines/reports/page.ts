import { escapeXml as escapeHtml } from "../../hypervisors/xml.ts";
import type { TestRun } from "../../model/test-run.ts";

/** A report as a page that stands alone. */
export function formatPage(verdict: string, isGood: boolean, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(verdict)}</title>
<style>${STYLE}</style>
<main>
<h1 class="${isGood ? "pass" : "fail"}">${escapeHtml(verdict)}</h1>
${sections.join("\n")}
</main>
</html>
`;
}

/** What a machine showed when something failed. */
export function formatEvidence({ console, screenPng }: NonNullable<TestRun["evidence"]>): string {
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
