import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { upgradeArchive } from "../fixtures/upgrade-archive.ts";
import { type CliResult, vmbuilder } from "../fixtures/vmbuilder.ts";

/** The upgrade drives old-helper out, on purpose: that is the one test that breaks. */
const RECIPE = `hostname: upgraded
variant: minbase
swapsize: 0
addpkg: [greeter, on-hold, iproute2]
exec: [change.sh]
tests:
  - {service: ssh}
  - {name: greets as told, command: cat /etc/greeter.conf, stdout: mine}
  - {name: has its old helper, package: old-helper}
  - {name: has its new helper, package: new-helper, after-reboot: true}
`;

let workshop: Workshop;
let result: CliResult;
let state: string;
const file = (name: string) => join(workshop.directory, name);

beforeAll(async () => {
  workshop = await openWorkshop();
  state = file("state");
  const { recipe } = await upgradeArchive();
  await writeFile(file("upgraded.yaml"), RECIPE + recipe);
  await writeFile(file("change.sh"), "#!/bin/sh\necho greeting mine > /etc/greeter.conf\napt-mark hold on-hold\n", {
    mode: 0o755,
  });
  const options = ["--cache-dir", join(TEST_CACHE, "boot"), "--json", "--report", file("report.html")];
  result = await vmbuilder(
    ["upgrade-test", file("upgraded.yaml"), "--from", "bookworm", "--to", "trixie", ...options],
    {
      VMBUILDER_STATE_DIR: state,
    },
  );
});
afterAll(() => workshop?.close());

describe("vmbuilder upgrade-test", () => {
  test("upgrades a machine and says what became of it", () => {
    const lines = result.stdout.trim().split("\n");
    const run = lines.map((line) => JSON.parse(line)).find(({ type }) => type === "upgrade");
    expect(run, result.stderr).toMatchObject({ from: "bookworm", to: "trixie", warnings: [], held: ["on-hold"] });
    expect(run.failure).toBeUndefined();
    expect([run.before.system, run.after.system]).toEqual([
      "Debian GNU/Linux 12 (bookworm)",
      "Debian GNU/Linux 13 (trixie)",
    ]);
    expect(run.packages.changed.map(({ name }: { name: string }) => name)).toEqual(["base-files", "greeter"]);
    expect(run.packages.added).toEqual([{ name: "new-helper", version: "1", architecture: "all" }]);
    expect(run.packages.removed).toEqual([{ name: "old-helper", version: "1", architecture: "all" }]);
    const decisions = run.conffiles.filter(({ path }: { path: string }) => path.startsWith("/etc/greeter"));
    expect(decisions).toEqual([
      { path: "/etc/greeter-quiet.conf", decision: "updated" },
      { path: "/etc/greeter.conf", decision: "kept" },
    ]);
    expect(run.after.failedUnits).toEqual([]);
  });

  test("compares its tests before and after, and fails when one broke", () => {
    const lines = result.stdout.trim().split("\n");
    const run = lines.map((line) => JSON.parse(line)).find(({ type }) => type === "upgrade");
    expect(run.tests.map(({ name, change }: Record<string, string>) => `${name}: ${change}`)).toEqual([
      "boots: passes",
      "has no failed unit: passes",
      "ssh is active: passes",
      "greets as told: passes",
      "has its old helper: broke",
      "has its new helper: passes",
    ]);
    expect(result.status).toBe(1);
  });

  test("writes a page, and leaves no machine behind", async () => {
    const page = await readFile(file("report.html"), "utf8");
    expect(page).toContain("1 of 6 tests failed, 1 of them only after the upgrade");
    expect(page).toContain("<code>new-helper</code>");
    expect((await vmbuilder(["ls", "--json"], { VMBUILDER_STATE_DIR: state })).stdout).not.toContain("upgrade-");
  });
});
