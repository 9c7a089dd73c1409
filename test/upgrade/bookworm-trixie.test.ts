import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const REPORTS = join(import.meta.dirname, "../../build/reports");
const RECIPE = `hostname: web
mem: 1536
cpus: 2
addpkg: [nginx-light, curl]
tests:
  - {service: ssh}
  - {service: nginx}
  - {port: 80}
  - {name: nginx answers, command: "curl -sf http://localhost/", stdout: Welcome}
  - {package: openssh-server}
`;

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
  await mkdir(REPORTS, { recursive: true });
});
afterAll(() => workshop?.close());

test("a web server goes from bookworm to trixie, with real packages", { timeout: 120 * 60_000 }, async () => {
  const recipe = join(workshop.directory, "web.yaml");
  await writeFile(recipe, RECIPE);
  const reports = ["--json", "--report", join(REPORTS, "upgrade.html")];
  const args = [
    "upgrade-test",
    recipe,
    "--from",
    "bookworm",
    "--to",
    "trixie",
    "--cache-dir",
    join(TEST_CACHE, "boot"),
    ...reports,
  ];
  const { status, stdout, stderr } = await vmbuilder(args, { VMBUILDER_STATE_DIR: join(workshop.directory, "state") });
  const run = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .find(({ type }) => type === "upgrade");
  expect(run?.failure, stderr).toBeUndefined();
  expect(run.before.system).toContain("bookworm");
  expect(run.after.system).toContain("trixie");
  expect(run.packages.changed.length).toBeGreaterThan(100);
  expect(run.tests.filter(({ change }: { change: string }) => change !== "passes")).toEqual([]);
  expect(status).toBe(0);
});
