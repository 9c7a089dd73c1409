import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { type CliResult, run, vmbuilder } from "../fixtures/vmbuilder.ts";

/** What holds in a new machine, and what doesn't: the tests named wrong… must fail, and no other. */
const RECIPE = `hostname: probed
tests:
  - {command: "cat /etc/hostname; echo complaint >&2", stdout: probed, stderr: complaint}
  - {command: [test, -e, "/a b; touch /c"], status: 1}
  - {file: /etc/shadow, mode: "0640", owner: "root:shadow", contains: "root:"}
  - {file: /c, absent: true}
  - {service: ssh}
  - {port: 22}
  - {package: openssh-server}
  - {package: nginx, absent: true}
  - {boot-within: 600}
  - {name: wrong status, command: "echo said; exit 3", status: 4}
  - {name: wrong mode, file: /etc/shadow, mode: "0644"}
  - {name: wrong service, service: nginx}
  - {name: wrong port, port: 80}
  - {name: wrong package, package: nginx}
  - {name: wrong time, command: sleep 60, timeout: 1}
`;

let workshop: Workshop;
let result: CliResult;
let state: string;
const file = (name: string) => join(workshop.directory, name);

beforeAll(async () => {
  workshop = await openWorkshop();
  state = file("state");
  await writeFile(file("probed.yaml"), RECIPE);
  const reports = ["--junit", file("junit.xml"), "--tap", file("results.tap"), "--html", file("report.html")];
  const options = ["--cache-dir", join(TEST_CACHE, "boot"), "--json", ...reports];
  result = await vmbuilder(["test", file("probed.yaml"), ...options], { VMBUILDER_STATE_DIR: state });
});
afterAll(() => workshop?.close());

describe("vmbuilder test", () => {
  test("says of each test how it ended, and fails when one did", () => {
    expect(result.status, result.stderr).toBe(1);
    const lines = result.stdout.trim().split("\n");
    const run = lines.map((line) => JSON.parse(line)).find(({ type }) => type === "tests");
    const failures = run.outcomes.filter(({ failure }: { failure?: string }) => failure !== undefined);
    expect(failures.map(({ name, failure }: Record<string, string>) => `${name}: ${failure}`)).toEqual([
      "wrong status: exit status 3, expected 4",
      "wrong mode: its mode is 0640, expected 0644",
      "wrong service: it is inactive, expected active",
      "wrong port: no program listens there",
      "wrong package: it isn't installed",
      "wrong time: it took longer than 1 s",
    ]);
    expect(run.outcomes).toHaveLength(18);
    expect(run.console).toMatch(/login:/);
  });

  test("writes JUnit XML and TAP that say the same", async () => {
    const counted = await run("xmllint", [
      "--xpath",
      "concat(count(//testcase), ' ', count(//failure))",
      file("junit.xml"),
    ]);
    expect(counted.stdout.trim()).toBe("18 6");
    const tap = await readFile(file("results.tap"), "utf8");
    expect(tap.match(/^ {4}not ok/gm)).toHaveLength(6);
    expect(tap.match(/^ {4}ok/gm)).toHaveLength(12);
    expect(tap).toContain("    1..18\nnot ok 1 - probed\n1..1\n");
  });

  test("writes a page that shows the screen", async () => {
    const page = await readFile(file("report.html"), "utf8");
    expect(page).toContain("6 of 18 tests failed");
    expect(page).toMatch(/src="data:image\/png;base64,iVBOR/);
  });

  test("leaves no machine behind", async () => {
    const listed = await vmbuilder(["ls", "--json"], { VMBUILDER_STATE_DIR: state });
    expect(listed.stdout).not.toContain("test-");
  });
});
