import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-hostile-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const everything = async () => (await readdir(folder, { recursive: true })).sort();

/** Runs a command that must be refused: status 2, one line and perhaps a hint, nothing made or removed. */
async function refused(...args: string[]): Promise<string> {
  const before = await everything();
  const { status, stdout, stderr } = await vmbuilder(args, {
    HOME: folder,
    XDG_CACHE_HOME: "",
    VMBUILDER_CACHE_DIR: join(folder, "cache"),
    NO_COLOR: "1",
  });
  expect({ status, stdout }, stderr).toEqual({ status: 2, stdout: "" });
  const [line = "", ...rest] = stderr.trimEnd().split("\n");
  expect(line).toMatch(/^vmbuilder: error: .* \[[a-z-]+\]$/);
  expect(line.length).toBeLessThan(400);
  expect(rest.filter((one) => !one.startsWith("  hint: "))).toEqual([]);
  expect(await everything()).toEqual(before);
  return line;
}

describe("a name or number that could hurt", () => {
  it.each([
    ["--hostname", "a b"],
    ["--hostname", "-a"],
    ["--hostname", "a".repeat(64)],
    ["--hostname", "../../etc"],
    ["--hostname", "ünïcode"],
    ["--hostname", "$(reboot)"],
    ["--hostname", ""],
    ["--user", "root"],
    ["--user", "www-data"],
    ["--user", "-r"],
    ["--user", "ann:0:0"],
    ["--rootsize", "NaN"],
    ["--rootsize", "-1"],
    ["--swapsize", "1e30"],
    ["--rootsize", "999999999T"],
    ["--mem", "-1"],
    ["--mem", "1e30"],
    ["--cpus", "0"],
    ["--addpkg", "nginx --purge"],
    ["--addpkg", "-y"],
    ["--suite", "../../x"],
    ["--components", "main;reboot"],
    ["--proxy", "javascript"],
    ["--timezone", "../../../etc/shadow"],
    ["--name", "Ann:0:0:root"],
  ])("%s %j is refused", async (option, value) => {
    expect(await refused("build", "--rootpass", "x", `${option}=${value}`)).toContain(option.slice(2));
  });
});

/** More of these stand beside recipe-file.ts; here is what could hang or crash the program. */
describe("a recipe", () => {
  const deep = "[".repeat(10_000);
  const bomb = [
    "a: &a [x, x, x, x, x, x, x, x, x]",
    ..."bcdefghi".split("").map((key, i) => `${key}: &${key} [${Array(9).fill(`*${"abcdefghi"[i]}`)}]`),
    "addpkg: *i",
  ].join("\n");
  it.each([
    ["an unknown key", "hostname: web\nrootsiz: 4G\n", /:2:1: rootsiz: /],
    ["a key twice", "hostname: web\nhostname: db\n", /:2:1: /],
    ["an alias bomb", bomb, /:\d+:\d+: /],
    ["__proto__", "__proto__: {user: root}\n", /:1:1: /],
    ["10,000 levels of lists", `addpkg: ${deep}`, /:1:\d+: /],
    ["10,000 levels that are closed", `addpkg: ${deep}${"]".repeat(10_000)}`, /:1:\d+: /],
    ["a wrong item of a list", "addpkg:\n  - less\n  - ../x\n", /:3:5: addpkg/],
    ["two documents", "hostname: a\n---\nhostname: b\n", /:\d+:\d+: /],
    ["binary garbage", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 0xff, 0xfe]), /recipe\.yaml/],
    ["more than 1 MiB", `# ${"x".repeat(1024 * 1024)}\n`, /recipe\.yaml: it is larger than /],
  ])(
    "with %s is refused within a second or two, by its place",
    async (_name, content, place) => {
      const file = join(folder, "recipe.yaml");
      await writeFile(file, content);
      expect(await refused("build", file)).toMatch(place);
    },
    10_000,
  );

  it.each([
    ["a folder", (path: string) => mkdir(path)],
    ["a pipe that nobody writes to", (path: string) => run("mkfifo", [path])],
  ])(
    "that is %s is refused",
    async (_name, make) => {
      const path = join(folder, "recipe.yaml");
      await make(path);
      expect(await refused("build", path)).toContain("recipe.yaml");
    },
    10_000,
  );

  it("that has no end is refused", async () => {
    expect(await refused("build", "/dev/zero")).toContain("/dev/zero");
  }, 10_000);
});

describe("a result folder", () => {
  it("that is the current one is refused, even where it could be overwritten", async () => {
    await writeFile(join(folder, "build.json"), '{"vmbuilder": 1}\n');
    const program = join(import.meta.dirname, "../../bin/vmbuilder");
    const script = 'cd "$1" && exec "$2" build --rootpass x --dest . --overwrite --cache-dir "$1/cache"';
    const { status, stderr } = await run("sh", ["-c", script, "sh", folder, program]);
    expect(stderr).toContain("holds the current folder");
    expect(status).toBe(2);
    expect(await everything()).toEqual(["build.json"]);
  });
});

describe("a machine to clone", () => {
  const IDENTITY = '{"rootSshKeys": []}';
  const record = (key: string) =>
    JSON.stringify({
      vmbuilder: 1,
      recipe: { hypervisor: ["kvm"], mem: 1024, cpus: 1 },
      plan: { suite: "trixie", architecture: "amd64" },
      base: { key },
    });

  it.each([
    ["that is an empty folder", "", ""],
    ["whose record is empty", " ", IDENTITY],
    ["whose record is cut short", record("a".repeat(64)).slice(0, -5), IDENTITY],
    ["whose record is of another kind", "[1, 2]", IDENTITY],
    ["whose record is of another version", record("a".repeat(64)).replace('"vmbuilder":1', '"vmbuilder":99'), IDENTITY],
    ["whose base is a path", record("../../../etc"), IDENTITY],
    ["whose base has a name that objects inherit", record("__proto__"), IDENTITY],
    ["whose identity smuggles a line", record("a".repeat(64)), '{"rootSshKeys": ["a\\nb"]}'],
    [
      "whose identity smuggles a user",
      record("a".repeat(64)),
      '{"rootSshKeys": [], "user": {"name": "x:0", "fullName": "", "sshKeys": []}}',
    ],
  ])("%s is refused", async (_name, build, identity) => {
    const machine = join(folder, "machine");
    await mkdir(machine);
    if (build) await writeFile(join(machine, "build.json"), build);
    if (identity) await writeFile(join(machine, ".identity.json"), identity);
    expect(await refused("clone", machine, "--hostname", "copy", "--dest", join(folder, "copy"))).toContain("machine");
  });

  it("whose base is not in the cache fails by its name, and makes no folder", async () => {
    const machine = join(folder, "machine");
    await mkdir(machine);
    await writeFile(join(machine, "build.json"), record("a".repeat(64)));
    await writeFile(join(machine, ".identity.json"), IDENTITY);
    const args = [
      "clone",
      machine,
      "--hostname",
      "copy",
      "--dest",
      join(folder, "copy"),
      "--cache-dir",
      join(folder, "cache"),
    ];
    const { status, stderr } = await vmbuilder(args, { NO_COLOR: "1" });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/is not in the cache.*\[base-missing\]\n {2}hint: /),
    });
    expect(await readdir(folder)).not.toContain("copy");
  });
});
