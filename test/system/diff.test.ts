import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

interface Facts {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly sizeBytes: number;
}
interface Result {
  readonly added: readonly object[];
  readonly files: {
    readonly added: readonly Facts[];
    readonly removed: readonly Facts[];
    readonly changed: readonly { path: string; aspects: string[]; before: Facts; after: Facts }[];
  };
  readonly totalBytes: { readonly before: number; readonly after: number };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-diff-"));
  await mkdir(join(folder, "vm"));
  await writeFile(join(folder, "vm/manifest"), "apt 2.6 amd64\nbash 5.2 amd64\n");
  await writeFile(join(folder, "other"), "apt 3.0 amd64\nzsh 5.9 amd64\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("ends with 0 for the same packages, 1 for others, which it lists, and 2 for trouble", async () => {
  const [vm, other] = [join(folder, "vm"), join(folder, "other")];
  expect(await vmbuilder(["diff", vm, join(vm, "manifest")])).toEqual({ status: 0, stdout: "", stderr: "" });
  const stdout = "- bash 5.2 amd64\n+ zsh 5.9 amd64\n! apt 2.6 -> 3.0 amd64\n";
  expect(await vmbuilder(["diff", vm, other])).toEqual({ status: 1, stdout, stderr: "" });
  const trouble = await vmbuilder(["diff", vm, join(folder, "nothing")]);
  expect(trouble.status).toBe(2);
  expect(trouble.stderr).toContain("file-unreadable");
});

describe("two machines", () => {
  let work: string;
  const machine = (name: string) => join(work, name);
  beforeAll(async () => {
    const built = await builtCache();
    work = await makeBuildFolder("vmb-machines-");
    await built.copyTo(join(work, "cache"), "disk");
    await writeFile(join(work, "copies"), `${join(work, "text")} /etc/note 0600\n`);
    const make = async (name: string, note: string, ...more: string[]) => {
      await writeFile(join(work, "text"), note);
      const common = ["--identity-seed", "one", "--format", "raw", "--copy", join(work, "copies")];
      const places = ["--dest", machine(name), "--cache-dir", join(work, "cache"), "-q"];
      const made = await vmbuilder(["build", ...built.options, ...common, ...more, ...places]);
      expect(made).toEqual({ status: 0, stdout: "", stderr: "" });
    };
    await make("one", "a note\n");
    await make("same", "a note\n");
    await make("note", "A note\n");
    await make("user", "a note\n", "--user", "joe", "--pass", "p", "--timezone", "Europe/Berlin");
  });
  afterAll(async () => {
    if (work) await rm(work, { recursive: true, force: true });
  });

  test("that are the same have no difference, in whatever format", async () => {
    const silent = { status: 0, stdout: "", stderr: "" };
    expect(await vmbuilder(["diff", join(machine("one"), "test.raw"), machine("same")])).toEqual(silent);
    const other = join(work, "test.vmdk");
    await run("qemu-img", ["convert", "-O", "vmdk", join(machine("same"), "test.qcow2"), other]);
    expect(await vmbuilder(["diff", machine("one"), other])).toEqual(silent);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith("vmbuilder-diff-"))).toEqual([]);
  });

  test("differ in a byte of one file", async () => {
    const stdout = "! /etc/note content\n";
    expect(await vmbuilder(["diff", machine("one"), machine("note")])).toEqual({ status: 1, stdout, stderr: "" });
    const packages = await vmbuilder(["diff", "--packages", machine("one"), machine("note")]);
    expect(packages).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("differ in files, owners, links and sizes, for people and for programs", async () => {
    const text = await vmbuilder(["diff", machine("one"), machine("user")]);
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/^\+ \/home\/joe\/\.bashrc$/m);
    expect(text.stdout).toMatch(/^! \/etc\/localtime target \S+ -> \S*\/Europe\/Berlin$/m);
    expect(text.stdout).toMatch(/^! \/etc\/passwd size \d+ -> \d+$/m);
    expect(text.stdout).toMatch(/^! files together /m);
    const { stdout } = await vmbuilder(["diff", "--json", machine("one"), machine("user")]);
    const { added, files, totalBytes } = JSON.parse(stdout) as Result;
    expect(added).toEqual([]);
    const home = files.added.find(({ path }) => path === "/home/joe");
    expect(home).toMatchObject({ type: "directory", mode: 0o700, uid: 1000 });
    expect(files.changed.find(({ path }) => path === "/etc/shadow")?.aspects).toEqual(["size"]);
    expect(totalBytes.after).toBeGreaterThan(totalBytes.before);
    expect(text.stdout.trimEnd().split("\n")).toHaveLength(files.added.length + files.changed.length + 1);
  });

  test("have the files that the kernel's own tools see", async () => {
    const raw = join(machine("user"), "test.raw");
    const { stdout } = await vmbuilder(["diff", "--json", raw, join(machine("one"), "test.raw")]);
    const { files } = JSON.parse(stdout) as Result;
    const table = JSON.parse((await run("sfdisk", ["--json", raw])).stdout) as {
      partitiontable: { partitions: { start: number; type: string; size: number }[] };
    };
    const root = table.partitiontable.partitions.find(({ size }) => size === (2 * 2 ** 30) / 512)?.start ?? 0;
    for (const { path, mode, uid, sizeBytes, type } of files.removed.slice(0, 6)) {
      const seen = (await run("debugfs", ["-R", `stat "${path}"`, `${raw}?offset=${root * 512}`])).stdout;
      expect(seen).toMatch(new RegExp(`Mode:\\s+${mode.toString(8).padStart(4, "0")} `));
      expect(seen).toMatch(new RegExp(`User:\\s+${uid} `));
      if (type === "file") expect(seen).toMatch(new RegExp(`Size: ${sizeBytes}\\b`));
    }
    expect(files.removed.length).toBeGreaterThan(3);
  });

  test("are refused when a disk is damaged or holds nothing", async () => {
    const empty = join(work, "empty.raw");
    await writeFile(empty, "");
    await truncate(empty, 2 ** 24);
    const refused = await vmbuilder(["diff", machine("one"), empty]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("has no root file system that can be read");
  });
});
