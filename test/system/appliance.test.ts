/** What of the appliance can be told without building it; `test/appliance/` boots it. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../fixtures/vmbuilder.ts";

const SCRIPT = join(import.meta.dirname, "../../scripts/appliance");
const FOLDER = join(import.meta.dirname, "../../recipes/appliance");

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-appliance-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("scripts/appliance refuses, before it does anything,", () => {
  it.each([
    ["a format that it doesn't make", { FORMATS: "qcow2 floppy" }, '"floppy" in FORMATS is none of qcow2'],
    ["a repository without its key", { UPDATES: "https://mirror.example.org/vmbuilder" }, "UPDATES_KEY: give"],
    [
      "a repository that is no address",
      { UPDATES: "mirror.example.org", UPDATES_KEY: SCRIPT },
      'UPDATES: "mirror.example.org" is no http',
    ],
  ])("%s", async (_, wrong: Record<string, string>, message) => {
    const env = { ...process.env, ...wrong, APPLIANCE_DIR: join(directory, "built"), DEB_DIR: join(directory, "debs") };
    const { status, stderr } = await run(SCRIPT, [], env);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(`appliance: ${message}`) });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe("recipes/appliance", () => {
  it("places each of its files, and names none that it hasn't", async () => {
    const lines = (await readFile(join(FOLDER, "files"), "utf8")).trim().split("\n");
    const placed = lines.map((line) => line.split(/\s+/)[0]);
    expect([...placed, "files", "setup"].sort()).toEqual((await readdir(FOLDER)).sort());
  });

  it.each(["setup", "start", "console", "update"])("has a script %s that a shell can read", async (name) => {
    expect(await run("sh", ["-n", join(FOLDER, name)])).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});
