import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/system/process.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";
import { expectGolden } from "./golden-file.ts";

const ENV = { NO_COLOR: "1", FORCE_COLOR: "0", COLUMNS: "80" };
const COMMANDS = [
  "",
  "build",
  "kvm",
  "import-config",
  "ubuntu-vm-builder",
  "lock",
  "clone",
  "diff",
  "convert",
  "sign",
  "verify",
  "upload",
  "cache",
  "cache ls",
  "cache gc",
  "cache verify",
  "doctor",
  "plan",
  "wizard",
  "profile",
  "profile save",
  "recipe",
  "schema",
  "man",
  "completion",
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-golden-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function output(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await vmbuilder(args, ENV);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("help", () => {
  it.each(COMMANDS)("of vmbuilder %s", async (command) => {
    const text = await output(...command.split(" ").filter((word) => word !== ""), "--help");
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    await expectGolden(`help${command ? `-${command.replace(" ", "-")}` : ""}.txt`, text);
  });
});

describe("wizard", () => {
  it("refuses where nobody can answer", async () => {
    const { status, stderr } = await vmbuilder(["wizard"], ENV);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("there is no terminal") });
  });
});

describe("schema", () => {
  it("is as it was", async () => expectGolden("recipe.schema.json", await output("schema")));
});

describe("man page", () => {
  it("is as it was, and groff has nothing to say against it", async () => {
    const page = await output("man");
    await expectGolden("vmbuilder.1", page.replaceAll(/vmbuilder \d+\.\d+\.\d+/g, "vmbuilder VERSION"));
    const { stderr } = await run(["groff", "-man", "-Tutf8", "-ww", "-z"], { input: page });
    expect(stderr).toBe("");
  });
});

describe("dry run", () => {
  const args = ["--arch", "amd64", "--suite", "bookworm", "--mirror", "http://mirror.example.org/debian"];

  async function recipe(): Promise<string> {
    const key = join(folder, "ann.pub");
    await writeFile(key, `ssh-ed25519 ${"A".repeat(68)} ann\n`);
    const path = join(folder, "web.yaml");
    const lines = ["user: ann", "ssh-user-key: ann.pub", "addpkg: [nginx, curl]", "swapsize: 0", "rootpass: secret"];
    await writeFile(path, `${lines.join("\n")}\n`);
    return path;
  }

  it("tells people the plan", async () => {
    const text = await output("build", await recipe(), "--dry-run", "--dest", join(folder, "web"), ...args);
    await expectGolden("dry-run.txt", text.replaceAll(folder, "FOLDER"));
  });

  it("tells programs the plan, without passwords", async () => {
    const text = await output("build", await recipe(), "--dry-run", "--json", "--dest", join(folder, "web"), ...args);
    expect(text).not.toContain('"secret"');
    await expectGolden("dry-run.json", `${JSON.stringify(JSON.parse(text.replaceAll(folder, "FOLDER")), null, 2)}\n`);
  });
});
