import { describe, expect, it } from "vitest";
import type { UpgradeRun } from "../../model/upgrade-run.ts";
import { formatUpgradeHtml } from "./upgrade-html.ts";

const STATE = { system: "Debian 12", kernel: "6.1", usedBytes: 1e9, failedUnits: [] };
const RUN: UpgradeRun = {
  ...{ hostname: "web", origin: "/r/<web>.yaml", from: "bookworm", to: "trixie", conffilePolicy: "keep" },
  ...{ startedAt: "2026-01-02T03:04:05.000Z", seconds: 700, warnings: [], held: ["bc"] },
  phases: [{ title: "Upgrade everything", seconds: 600 }],
  before: STATE,
  after: { ...STATE, system: "Debian 13", failedUnits: ["a.service"] },
  packages: { added: [{ name: "new", version: "1", architecture: "all" }], removed: [], changed: [] },
  conffiles: [{ path: "/etc/x", decision: "kept" }],
  tests: [
    { name: "a < b", before: { name: "a < b", seconds: 1 }, after: { name: "a < b", seconds: 2 }, change: "passes" },
  ],
  log: "# apt-get update\n<done>",
  evidence: undefined,
};

describe("formatUpgradeHtml", () => {
  it("shows what became of a machine, and nothing as HTML of its own", () => {
    const page = formatUpgradeHtml(RUN);
    expect(page).toContain('<h1 class="pass">bookworm to trixie: the upgrade went well</h1>');
    for (const part of [
      "Debian 13",
      "a.service",
      "New packages (1)",
      "<code>/etc/x</code>",
      "a &lt; b",
      "&lt;done&gt;",
      "/r/&lt;web&gt;.yaml",
    ])
      expect(page).toContain(part);
    expect(page).not.toContain("Removed packages");
  });

  it("shows why it failed, with the console", () => {
    const evidence = { console: "Kernel panic <here>", screenPng: undefined };
    const page = formatUpgradeHtml({ ...RUN, failure: "its kernel panicked", evidence });
    expect(page).toContain('<h1 class="fail">bookworm to trixie: its kernel panicked</h1>');
    expect(page).toContain("Kernel panic &lt;here&gt;");
  });
});
