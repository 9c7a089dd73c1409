import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

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
