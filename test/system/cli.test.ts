import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../src/system/process.ts";
import { openMirror, SUITE } from "../fixtures/mirror.ts";
import { run as runProgram, vmbuilder } from "../fixtures/vmbuilder.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/vmbuilder");

let folder = "";
let home = "";
let before: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-cli-"));
  home = join(folder, "home");
  await mkdir(home);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
  await mkdir(join(folder, "existing"));
  await writeFile(join(folder, "existing", "precious"), "");
  await writeFile(join(folder, "broken.yaml"), "hostname: web\nhostnme: web\n");
  before = await everything();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function everything(): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

/** Runs a command with a home of its own; `@/` stands for the test's folder. */
function cli(...args: string[]) {
  const env = { HOME: home, XDG_CACHE_HOME: "", VMBUILDER_CACHE_DIR: "", NO_COLOR: "1", FORCE_COLOR: "0" };
  return vmbuilder(
    args.map((arg) => arg.replace("@/", `${folder}/`)),
    env,
  );
}

const login = ["--ssh-key", "@/key.pub"];

describe("wrong input", () => {
  it.each([
    ["an unknown command", ["frobnicate"], "unknown command 'frobnicate'"],
    ["an unknown option", ["build", "--rootsiz", "4G"], "unknown option '--rootsiz'"],
    ["no value", ["build", "--hostname"], "argument missing"],
    ["a size beyond all", ["build", ...login, "--rootsize", "1e30"], '--rootsize: "1e30" is not a size'],
    ["a negative size", ["build", ...login, "--swapsize=-1"], '--swapsize: "-1" is not a size'],
    ["a size too small", ["build", ...login, "--rootsize", "1M"], "rootsize is 1 MiB"],
    ["a host name with a slash", ["build", ...login, "--hostname", "a/b"], '--hostname: "a/b" is no host name'],
    ["a host name with a line end", ["build", ...login, "--hostname", "a\nb"], '--hostname: "a b" is no host name'],
    ["a host name of 255 letters", ["build", ...login, "--hostname", "a".repeat(255)], "is no host name"],
    ["an unknown suite", ["build", ...login, "--suite", "nope"], 'Debian has no suite "nope"'],
    ["an unknown architecture", ["build", ...login, "--arch", "z80"], "Allowed choices are amd64, arm64"],
    ["an unknown distribution", ["build", ...login, "--distro", "nope"], 'there is no distribution "nope"'],
    ["an unknown hypervisor", ["build", ...login, "--hypervisor", "nope"], 'there is no hypervisor "nope"'],
    ["a package name that is none", ["build", ...login, "--addpkg", "../x"], '--addpkg: "../x" is no package name'],
    ["a folder that exists", ["build", ...login, "--dest", "@/existing"], "/existing exists already"],
    ["a folder of someone else", ["build", ...login, "-o", "--dest", "@/existing"], "was not made by vmbuilder"],
    ["a folder below a file", ["build", ...login, "--dest", "@/key.pub/vm"], "key.pub is no folder"],
    ["the root folder", ["build", ...login, "-o", "--dest", "/"], "/ was not made by vmbuilder"],
    ["no hypervisor", ["build", ...login, "--hypervisor", ","], "neither a hypervisor nor a format is given"],
    ["no key file", ["build", "--ssh-key", "@/none.pub"], "ssh-key: cannot read"],
    ["a private key", ["build", "--ssh-key", "@/key"], "is a private key"],
    ["a second key file that is none", ["build", ...login, "--ssh-key", "@/broken.yaml"], "holds no ssh public key"],
    ["a password without user", ["build", "--pass", "x"], "pass is given, but no user"],
    ["a password twice", ["build", "--rootpass", "x", "--rootpass-file", "@/key"], "rootpass is given too"],
    ["a user that the system has", ["build", ...login, "--user", "daemon"], 'user "daemon"'],
    ["a mirror that is none", ["build", ...login, "--mirror", "ftp://mirror.example.org/"], "--mirror: "],
    ["no keyring", ["build", ...login, "--keyring", "@/none.gpg"], "--keyring: cannot read"],
    ["no keys in a keyring", ["build", ...login, "--keyring", "/etc/passwd"], "holds no OpenPGP public key"],
    ["a locale of no country", ["build", ...login, "--lang", "en_UK.UTF-8"], "so en_GB.UTF-8"],
    ["no recipe", ["build", "@/none.yaml"], "there is no such file"],
    ["a folder as recipe", ["build", "@/existing"], "it is no plain file"],
    ["a broken recipe", ["build", "@/broken.yaml"], "broken.yaml:2:1: hostnme: there is no such key"],
    ["nobody who can log in", ["build"], "nobody could log in"],
    ["a dry run of what cannot be", ["build", "-n", ...login, "--dest", "@/existing"], "/existing exists already"],
    ["a clone without name", ["clone", "@/existing"], "required option '--hostname NAME'"],
    ["a clone of nothing", ["clone", "@/none", "--hostname", "x"], "is no machine"],
    ["a clone of no machine", ["clone", "@/existing", "--hostname", "x"], "is no machine"],
    ["a clone with a slash", ["clone", "@/existing", "--hostname", "x/y"], '--hostname: "x/y" is no host name'],
    ["an age that is none", ["cache", "gc", "--max-age", "soon"], '--max-age: "soon" is no number of days'],
    ["a cache size that is none", ["cache", "gc", "--max-size", "1e30"], '--max-size: "1e30" is no size'],
    ["an unknown shell", ["completion", "ksh"], "Allowed choices are bash, zsh, fish"],
  ])("%s: one line, status 2, nothing touched", async (_, args, message) => {
    const { status, stdout, stderr } = await cli(...args);
    expect(stderr).toContain(message);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .filter((line) => !line.startsWith("  hint:")),
    ).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(await everything()).toEqual(before);
  });

  it.each([[[]], [["cache"]], [["profile"]]])("says below the help that a command is missing: %j", async (args) => {
    const { status, stdout, stderr } = await cli(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(
      /^Usage: vmbuilder [\s\S]*\nvmbuilder: error: a command is missing \[usage\]\n {2}hint: .*\n$/,
    );
  });

  it.each([
    ["a cache that is no folder", ["--cache-dir", "@/key.pub"], "key.pub is no folder"],
    ["a mirror that is not there", ["--mirror", "@/none"], "there is no mirror at "],
  ])("that the host must be asked for, %s: status 2, and no folder", async (_, args, message) => {
    const { status, stdout, stderr } = await cli("build", ...login, "-q", "--dest", "@/vm", ...args);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(await everything()).not.toContain("vm");
  });

  it.each([
    ["nosuch", "hint: it has main: "],
    ["main,maine", "hint: did you mean main? it has main: "],
  ])("that the mirror must be asked for, the components %s: status 2, and no folder", async (components, hint) => {
    const mirror = await openMirror([{ name: "base", control: { Priority: "required", Essential: "yes" } }]);
    try {
      const from = ["--mirror", mirror.url, "--keyring", mirror.key.keyring, "--suite", SUITE, "--dest", "@/vm"];
      const { status, stdout, stderr } = await cli("build", ...login, "-q", ...from, "--components", components);
      expect(stderr).toMatch(/InRelease has no component (?:nosuch|maine) \[component-unknown\]\n/);
      expect(stderr).toContain(hint);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(await everything()).not.toContain("vm");
      expect((await everything()).filter((path) => /\/objects\/\w+\//.test(path))).toEqual([]);
    } finally {
      await mirror.close();
    }
  });

  it.each([[[]], [["--json"]]])("and a plan tell no login of a mirror: %j", async (args) => {
    const mirror = ["--mirror", "http://joe:geheim@127.0.0.1:9/debian", "--dest", "@/vm", ...args];
    const plan = await cli("build", "-n", ...login, ...mirror);
    expect(plan).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("http://(set)@127.0.0.1:9/") });
    const build = await cli("build", "-v", ...login, ...mirror);
    expect(build.status).toBe(1);
    expect(build.stderr).toContain("http://(set)@127.0.0.1:9/debian");
    for (const text of [plan.stdout, build.stdout, build.stderr]) expect(text).not.toContain("geheim");
  });

  it("is one line of JSON where JSON was asked for", async () => {
    const { status, stdout } = await cli("build", ...login, "--suite", "nope", "--json");
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ type: "error", code: "suite-unknown", hint: expect.any(String) });
  });
});

describe("what touches nothing", () => {
  it.each([
    ["help", ["--help"]],
    ["version", ["--version"]],
    ["man page", ["man"]],
    ["completion", ["completion", "zsh"]],
    ["dry run", ["build", "--dry-run", ...login, "--dest", "@/vm"]],
    ["dry run as JSON", ["build", "--dry-run", "--json", ...login, "--dest", "@/vm"]],
    ["listing of no cache", ["cache", "ls"]],
    ["collection in no cache", ["cache", "gc", "--all", "--json"]],
    ["check of no cache", ["cache", "verify", "--cache-dir", "@/none"]],
  ])("%s", async (_, args) => {
    const { status, stdout } = await cli(...args);
    expect(status).toBe(0);
    expect(stdout).not.toBe("");
    expect(await everything()).toEqual(before);
  });
});

describe("output", () => {
  it("may end early", async () => {
    const { status, stderr } = await runProgram("bash", [
      "-c",
      `"${PROGRAM}" man | head -n 1; exit "\${PIPESTATUS[0]}"`,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("that cannot be written fails", async () => {
    const { status } = await runProgram("bash", ["-c", `"${PROGRAM}" man > /dev/full`]);
    expect(status).toBe(1);
  });

  it("of doctor says what is missing, with a status", async () => {
    const { status, stdout } = await cli("doctor", "--json");
    const report = JSON.parse(String(stdout.split("\n")[0])) as {
      ok: boolean;
      checks: { ok: boolean; hint: string }[];
    };
    expect(status).toBe(report.ok ? 0 : 1);
    for (const { ok, hint } of report.checks) if (!ok) expect(hint).not.toBe("");
  });
});
