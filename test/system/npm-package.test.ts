/** The npm package as somebody gets it: packed from this checkout, installed into an empty folder of somebody who has nothing. */
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { type CliResult, run } from "../fixtures/vmbuilder.ts";

const ROOT = join(import.meta.dirname, "../..");

let folder: string;
let project: string;
beforeAll(async () => {
  folder = await makeBuildFolder("vmb-npm-");
  project = join(folder, "project");
  await Promise.all(["project", "home", "packed"].map((name) => mkdir(join(folder, name))));
  await must("npm", ["pack", "--ignore-scripts=false", "--pack-destination", join(folder, "packed")], ROOT);
  const [tarball] = await readdir(join(folder, "packed"));
  await must("npm", ["install", "--no-audit", "--no-fund", join(folder, "packed", String(tarball))], project);
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

const env = () => ({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: join(folder, "home"), NO_COLOR: "1" });

/** Runs a program in the project, with nothing of this test's environment. */
function there(
  program: string,
  args: readonly string[],
  more: Record<string, string> = {},
  cwd = project,
): Promise<CliResult> {
  return run("env", ["-C", cwd, program, ...args], { ...env(), ...more });
}

async function must(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { status, stdout, stderr } = await there(program, args, {}, cwd);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`);
}

const installed = (...args: string[]) => there("node_modules/.bin/vmbuilder", args);

describe("the npm package", () => {
  it("runs: version, help, doctor, a recipe of its own", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    expect(await installed("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    expect((await installed("--help")).stdout).toContain("Usage: vmbuilder COMMAND");
    const old = await there("node_modules/.bin/ubuntu-vm-builder", ["--help"]);
    expect(old.stdout).toContain("Usage: ubuntu-vm-builder HYPERVISOR SUITE");
    const doctor = await installed("doctor", "--json");
    expect(doctor.stderr).toBe("");
    expect(JSON.parse(doctor.stdout.trim().split("\n").at(-1) ?? "")).toHaveProperty("type");
    expect((await installed("recipe", "show", "webserver")).stdout).toContain("nginx");
  });

  it("builds a machine", async () => {
    const built = await builtCache();
    await built.copyTo(join(folder, "cache"), "tree");
    const made = await installed(
      "build",
      ...built.options,
      "--dest",
      "test-vm",
      "--cache-dir",
      join(folder, "cache"),
      "--quiet",
    );
    expect(made).toEqual({ status: 0, stdout: "", stderr: "" });
    const check = await run("qemu-img", ["check", join(project, "test-vm/test.qcow2")]);
    expect(check.status, check.stdout).toBe(0);
  });

  it("brings page and documentation for its server", async () => {
    const names = await readdir(join(project, "node_modules/vmbuilder/dist"), { recursive: true });
    expect(names).toEqual(expect.arrayContaining(["web/index.html", "docs/index.html", "docs/commands.html"]));
    expect(names.filter((name) => name.endsWith(".map"))).toEqual([]);
  });

  it("is a library, with types", async () => {
    await writeFile(
      join(project, "use.mjs"),
      'import { recipeSchema } from "vmbuilder"; console.log(recipeSchema.parse({ hostname: "web" }).hostname);\n',
    );
    const used = await there("node_modules/.bin/node", ["use.mjs"]);
    expect(used).toEqual({ status: 0, stdout: "web\n", stderr: "" });
    await writeFile(
      join(project, "use.ts"),
      'import { recipeSchema } from "vmbuilder";\nexport const name: string | undefined = recipeSchema.parse({}).hostname;\n',
    );
    await writeFile(
      join(project, "misuse.ts"),
      'import { recipeSchema } from "vmbuilder";\nexport const name: boolean = recipeSchema.parse({}).hostname;\n',
    );
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const check = (file: string) =>
      there(
        join(ROOT, "node_modules/.bin/tsc"),
        ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", ...types, file],
        {
          PATH: `${ROOT}/node_modules/.bin:/usr/bin:/bin`,
        },
      );
    expect(await check("use.ts")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect((await check("misuse.ts")).stdout).toContain("TS2322");
  });

  it("says in one line what it needs where Node is too old", async () => {
    const bin = join(folder, "old");
    await mkdir(bin);
    await writeFile(join(bin, "node"), '#!/bin/sh\n[ "$1" = --version ] && echo v18.19.0\n[ "$1" = --version ]\n');
    await chmod(join(bin, "node"), 0o755);
    // A copy without the optional dependency, as npm install --omit=optional leaves it.
    const alone = join(folder, "alone/node_modules/vmbuilder");
    await mkdir(join(alone, ".."), { recursive: true });
    await run("cp", ["-a", join(project, "node_modules/vmbuilder"), alone]);
    await symlink("node_modules/vmbuilder/bin/vmbuilder", join(folder, "alone/vmbuilder"));
    const { status, stdout, stderr } = await there(join(folder, "alone/vmbuilder"), ["--version"], {
      PATH: `${bin}:/usr/bin:/bin`,
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /^vmbuilder: needs Node 22\.18 or later, and node is v18\.19\.0; install a newer one, .*\n$/,
    );
  });
});
