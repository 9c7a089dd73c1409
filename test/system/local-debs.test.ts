import { mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RecipeInput } from "../../src/model/recipe.ts";
import { run } from "../../src/system/process.ts";
import { EVERYTHING, failure, planTest, resolveAndFetch } from "../fixtures/attempt.ts";
import { type FakePackage, makeDeb } from "../fixtures/debs.ts";
import { type Mirror, openMirror } from "../fixtures/mirror.ts";

let directory: string;
let archive: Mirror;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmb-debs-"));
  archive = await openMirror([
    { name: "base", control: { Priority: "required", Essential: "yes" } },
    { name: "library" },
    { name: "tool", version: "1", control: { Description: "of the archive" } },
    { name: "tool", version: "3" },
  ]);
});

afterAll(async () => {
  await archive.close();
  await rm(directory, { recursive: true, force: true });
});

async function deb(fake: FakePackage, folder = fake.name): Promise<string> {
  await mkdir(join(directory, folder), { recursive: true });
  return makeDeb(join(directory, folder), fake);
}

async function attempt(recipe: RecipeInput) {
  const { packages } = await planTest({ ...archive.recipe, ...recipe });
  const include = packages.include.filter((name) => ["tool", "mine", "app", "plugin"].includes(name));
  const plan = await planTest({ ...archive.recipe, ...recipe }, { ...EVERYTHING, include });
  const lock = await resolveAndFetch(plan, join(directory, "cache"));
  return lock.packages.map(({ name, version, url }) => `${name} ${version} ${url.split(":")[0]}`).sort();
}

describe("a .deb that is added", () => {
  test("brings its dependencies from the archive", async () => {
    const mine = await deb({ name: "mine", control: { Depends: "library" } });
    expect(await attempt({ addpkg: [mine] })).toEqual(["base 1 http", "library 1 http", "mine 1 file"]);
    await rename(mine, `${mine}.moved.deb`);
    expect(await attempt({ addpkg: [`${mine}.moved.deb`] })).toContain("mine 1 file"); // the answer is a cached one
  });

  test("is taken in the place of another version, or of the same", async () => {
    const older = await deb({ name: "tool", version: "2" }, "older");
    expect(await attempt({ addpkg: [older] })).toContain("tool 2 file");
    const same = await deb({ name: "tool", version: "3", control: { Description: "another build" } }, "same");
    expect(await attempt({ addpkg: [same] })).toContain("tool 3 file");
    expect(await attempt({ addpkg: ["tool"] })).toContain("tool 3 http");
  });

  test("needs what nobody has", async () => {
    const lonely = await deb({ name: "mine", control: { Depends: "nowhere" } }, "lonely");
    const error = await failure(attempt({ addpkg: [lonely] }));
    expect(error.code).toBe("packages-unsatisfiable");
    expect(error.detail).toContain("nowhere");
  });

  test("cannot say where its bytes are", async () => {
    const liar = await deb({ name: "mine", control: { Filename: "../../etc/passwd", SHA256: "0".repeat(64) } }, "liar");
    expect(await attempt({ addpkg: [liar] })).toContain("mine 1 file");
  });
});

describe("a folder of .debs", () => {
  test("is chosen from like a repository", async () => {
    await deb({ name: "app", control: { Depends: "plugin" } }, "folder");
    await deb({ name: "plugin", control: { Depends: "library" } }, "folder");
    await deb({ name: "unused" }, "folder");
    await deb({ name: "foreign", control: { Architecture: "arm64" } }, "folder");
    const debs = join(directory, "folder");
    expect(await attempt({ debs, addpkg: "app" })).toEqual([
      "app 1 file",
      "base 1 http",
      "library 1 http",
      "plugin 1 file",
    ]);
    expect(await attempt({ debs, addpkg: "tool" })).toEqual(["base 1 http", "tool 3 http"]);
    const newer = await deb({ name: "tool", version: "4" }, "newer");
    expect(await attempt({ debs: newer, addpkg: "tool" })).toContain("tool 4 file");
  });

  test("holds some", async () => {
    await mkdir(join(directory, "empty"));
    expect((await failure(attempt({ debs: join(directory, "empty") }))).message).toContain("holds no .deb file");
    expect((await failure(attempt({ debs: join(directory, "none") }))).code).toBe("file-unreadable");
  });
});

describe("refused before anything is touched:", () => {
  test.each<[string, (good: string) => Promise<string>, string, string]>([
    ["one that is missing", async () => "/nowhere/x.deb", "file-unreadable", "there is no such file"],
    ["a folder", () => folderNamedDeb(), "file-unreadable", "no plain file"],
    ["a device", () => deviceNamedDeb(), "file-unreadable", "no plain file"],
    ["a text", async (good) => good.replace("mine.deb", "text.deb"), "package-malformed", "no ar archive"],
    ["a broken one", async (good) => good.replace("mine.deb", "short.deb"), "package-malformed", "ends after the file"],
    [
      "one whose control archive is garbage",
      async (good) => good.replace("mine.deb", "garbage.deb"),
      "package-malformed",
      "garbage.deb",
    ],
    [
      "one for another machine",
      () => deb({ name: "mine", control: { Architecture: "arm64" } }, "arm"),
      "recipe-invalid",
      "is for arm64, the machine is amd64",
    ],
    [
      "one with a strange version",
      async (good) => good.replace("mine.deb", "strange.deb"),
      "package-malformed",
      "malformed",
    ],
  ])("%s", async (_, make, code, message) => {
    const good = await deb({ name: "mine" }, "good");
    await writeFile(good.replace("mine.deb", "text.deb"), "hello\n".repeat(100));
    const bytes = await readFile(good);
    await writeFile(good.replace("mine.deb", "short.deb"), bytes);
    await truncate(good.replace("mine.deb", "short.deb"), bytes.length - 100);
    await writeFile(good.replace("mine.deb", "garbage.deb"), Buffer.from(bytes).fill(0x55, 140, 240));
    await strangeVersion(good.replace("mine.deb", "strange.deb"));
    const error = await failure(planTest({ ...archive.recipe, addpkg: [await make(good)] }));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  });

  test("two of one name", async () => {
    const [one, two] = [await deb({ name: "mine" }, "one"), await deb({ name: "mine", version: "2" }, "two")];
    expect((await failure(planTest({ addpkg: [one, two] }))).message).toContain("is added twice");
  });
});

async function folderNamedDeb(): Promise<string> {
  await mkdir(join(directory, "folder.deb"));
  return join(directory, "folder.deb");
}

async function deviceNamedDeb(): Promise<string> {
  await symlink("/dev/zero", join(directory, "device.deb"));
  return join(directory, "device.deb");
}

/** What dpkg-deb would refuse to make. */
async function strangeVersion(path: string): Promise<void> {
  const root = join(directory, "strange");
  await mkdir(root, { recursive: true });
  await writeFile(join(root, "control"), "Package: strange\nVersion: 1 [x]\nArchitecture: all\n");
  await writeFile(join(root, "debian-binary"), "2.0\n");
  await run(["tar", "-C", root, "-cf", join(root, "control.tar"), "control"]);
  await run(["tar", "-C", root, "-cf", join(root, "data.tar"), "--files-from", "/dev/null"]);
  await rm(path, { force: true });
  await run(["ar", "qcS", path, "debian-binary", "control.tar", "data.tar"], { cwd: root });
}
