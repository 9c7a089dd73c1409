import { escapeXml as escapeHtml } from "../../hypervisors/xml.ts";
import { formatSeconds } from "../../model/duration.ts";
import { formatBytes } from "../../model/size.ts";
import { type TestChange, type UpgradeRun, upgradeFailure, upgradeTitle } from "../../model/upgrade-run.ts";
import { formatEvidence, formatPage } from "./page.ts";

/** An upgrade as a page that stands alone. */
export function formatUpgradeHtml(run: UpgradeRun): string {
  const failure = upgradeFailure(run);
  const verdict = `${upgradeTitle(run)}: ${failure ?? "the upgrade went well"}`;
  const { packages, conffiles, held, log, evidence } = run;
  const sections = [
    about(run),
    failure !== undefined && evidence ? formatEvidence(evidence) : "",
    section("Tests", run.tests.length, table(["Result", "Test", "Before", "After"], run.tests.map(testRow))),
    section(
      "Time",
      undefined,
      table(
        ["Phase", "Time"],
        run.phases.map(({ title, seconds }) => [escapeHtml(title), formatSeconds(seconds)]),
      ),
    ),
    section(
      "Configuration files",
      conffiles.length,
      table(
        ["File", "Decision"],
        conffiles.map(({ path, decision }) => [code(path), DECISIONS[decision]]),
      ),
    ),
    section("Held packages", held.length, names(held)),
    ...(packages ? packageSections(packages) : []),
    `<details><summary>What apt and dpkg said</summary><pre>${escapeHtml(log)}</pre></details>`,
  ];
  return formatPage(
    verdict,
    failure === undefined,
    sections.filter((part) => part !== ""),
  );
}

/** What became of a configuration file, in words. */
export const DECISIONS: Readonly<Record<UpgradeRun["conffiles"][number]["decision"], string>> = {
  kept: "changed on both sides: the machine's own stays, the package's lies beside it",
  replaced: "changed on both sides: the package's is used, the machine's own lies beside it",
  updated: "nobody had changed it: the package's new one",
};

/** What became of a test, in words. */
export const CHANGES: Readonly<Record<TestChange["change"], string>> = {
  passes: "still passes",
  broke: "broke",
  mended: "passes only now",
  fails: "failed before, too",
  unrun: "not run again",
};

function about(run: UpgradeRun): string {
  const { origin, startedAt, seconds, before, after, warnings, keptAs, conffilePolicy } = run;
  const rows = [...systemRow("Before", before), ...systemRow("After", after)];
  const kept = keptAs === undefined ? "" : `<p>Kept for a look: <code>vmbuilder ssh ${escapeHtml(keptAs)}</code></p>`;
  const policy = conffilePolicy === "keep" ? "the machine's own" : "the packages'";
  return `<p class="about">${escapeHtml(origin)} · <time datetime="${startedAt}">${startedAt.slice(0, 16).replace("T", " ")} UTC</time> · ${formatSeconds(seconds)} · configuration files changed on both sides: ${policy} are used</p>
${warnings.map((text) => `<p class="why">${escapeHtml(text)}</p>`).join("\n")}${kept}${rows.length > 0 ? table(["", "System", "Kernel", "Disk used", "Failed units"], rows) : ""}`;
}

function systemRow(when: string, state: UpgradeRun["before"]): string[][] {
  if (!state) return [];
  const units = escapeHtml(state.failedUnits.join(", ") || "none");
  return [[when, escapeHtml(state.system), code(state.kernel), formatBytes(state.usedBytes), units]];
}

function testRow({ name, before, after, change }: TestChange): string[] {
  const failure = after?.failure ?? (after ? undefined : before?.failure);
  const said = after?.said ?? (after ? undefined : before?.said);
  const why = failure === undefined ? "" : `<p class="why">${escapeHtml(failure)}</p>`;
  const output = said === undefined ? "" : `<pre>${escapeHtml(said)}</pre>`;
  const kind = change === "passes" || change === "mended" ? "pass" : "fail";
  return [
    `<span class="${kind}">${CHANGES[change]}</span>`,
    `${escapeHtml(name)}${why}${output}`,
    outcome(before),
    outcome(after),
  ];
}

function outcome(one: TestChange["before"]): string {
  if (!one) return "–";
  return one.failure === undefined ? `✓ ${formatSeconds(one.seconds)}` : `✗ ${formatSeconds(one.seconds)}`;
}

function packageSections({ changed, added, removed }: NonNullable<UpgradeRun["packages"]>): string[] {
  const listed = (all: readonly { name: string; version: string }[]) =>
    table(
      ["Package", "Version"],
      all.map(({ name, version }) => [code(name), escapeHtml(version)]),
    );
  const versions = changed.map(({ name, from, to }) => [code(name), escapeHtml(from), escapeHtml(to)]);
  return [
    section("Changed packages", changed.length, table(["Package", "Before", "After"], versions), false),
    section("New packages", added.length, listed(added), false),
    section("Removed packages", removed.length, listed(removed), false),
  ];
}

/** Empty when there is nothing to show. */
function section(title: string, count: number | undefined, content: string, isOpen = true): string {
  if (count === 0) return "";
  const sum = count === undefined ? "" : ` (${count})`;
  return `<details${isOpen ? " open" : ""}><summary>${title}${sum}</summary>\n${content}</details>`;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headings.map((text) => `<th scope="col">${text}</th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>\n`;
}

function names(all: readonly string[]): string {
  return `<p>${all.map(code).join(", ")}</p>`;
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`;
}
