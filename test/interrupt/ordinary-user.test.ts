import { chmod, cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BuiltCache, builtCache, exists, makeBuildFolder } from "../fixtures/built-cache.ts";
import { localRepository } from "../fixtures/test-cache.ts";
import { makeTinyMachine } from "../fixtures/tiny-machine.ts";
import { type CliResult, run } from "../fixtures/vmbuilder.ts";

const ROOT = join(import.meta.dirname, "../..");
const WITH_RANGE = "vmb-test-range";
const WITHOUT_RANGE = "vmb-test-none";

// Only root can make users; CI runs as root, so that it is tested there.
describe.skipIf(userInfo().uid !== 0)("an ordinary user (made by root)", () => {
  let built: BuiltCache;
  let folder: string;
  let options: readonly string[];

  beforeAll(async () => {
    built = await builtCache();
    await makeUser(WITH_RANGE);
    await makeUser(WITHOUT_RANGE);
    await must(run("usermod", ["--add-subuids", "700000-765535", "--add-subgids", "700000-765535", WITH_RANGE]));
    await forgetRanges(WITHOUT_RANGE);
    folder = await makeBuildFolder("vmb-user-");
    await chmod(folder, 0o755);
    await copyProgram(join(folder, "program"));
    options = await copyRepository(built, join(folder, "mirror"));
  });

  afterAll(async () => {
    for (const name of [WITH_RANGE, WITHOUT_RANGE]) await run("userdel", ["--remove", name]);
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  let home: string;
  beforeEach(async () => {
    home = join(folder, "home");
    await rm(home, { recursive: true, force: true });
    await mkdir(home);
  });

  test("with a range of ids builds a machine from nothing; all that stays is its own and can be removed", async () => {
    await own(home, WITH_RANGE);
    const built = await asUser(WITH_RANGE, home, build());
    expect(built.stderr).toBe("");
    expect(built.status).toBe(0);
    expect(await readdir(join(home, "vm"))).toContain("test.qcow2");
    expect(await readdir(join(home, "cache/work"))).toEqual([]);
    const foreign = await must(run("find", [home, "!", "-user", WITH_RANGE]));
    expect(foreign.stdout).toBe("");
    const removed = await asUser(WITH_RANGE, home, ["rm", "-rf", join(home, "cache"), join(home, "vm")]);
    expect(removed).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await exists(join(home, "cache"))).toBe(false);
  });

  test("without a range is told which one command gives it one, before anything is fetched", async () => {
    await own(home, WITHOUT_RANGE);
    const refused = await asUser(WITHOUT_RANGE, home, build());
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("subuid-missing");
    expect(refused.stderr).toContain(WITHOUT_RANGE);
    expect(refused.stderr).toContain("usermod --add-subuids");
    expect(await exists(join(home, "vm"))).toBe(false);
    expect(await exists(join(home, "cache/packages"))).toBe(false);
  });

  test("cannot use a cache of root's, and is told so", async () => {
    await own(home, WITH_RANGE);
    const foreign = join(folder, "roots-cache");
    await mkdir(foreign, { mode: 0o700, recursive: true });
    const refused = await asUser(WITH_RANGE, home, [...build().slice(0, -1), foreign]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("cache-unusable");
    expect(refused.stderr).toContain(foreign);
    expect(await exists(join(home, "vm"))).toBe(false);
  });

  test("gets a machine defined in libvirt, which starts; it is replaced only when told so, and never while it runs", async () => {
    await own(home, WITH_RANGE);
    const uri = "qemu:///session";
    const settings = await mkdtemp("/tmp/vmb-"); // libvirt's sockets stand below it, whose paths must be short
    await own(settings, WITH_RANGE);
    const environment = ["env", `XDG_RUNTIME_DIR=${home}`, `XDG_CONFIG_HOME=${settings}`];
    const as = (argv: readonly string[]) => asUser(WITH_RANGE, home, [...environment, ...argv]);
    const virsh = (...args: string[]) => as(["virsh", "--quiet", "--connect", uri, ...args]);
    const given = [
      "--libvirt",
      uri,
      "--hostname",
      "vmb-libvirt",
      "--mem",
      "512",
      "--cpus",
      "2",
      "--mac",
      "52:54:00:00:00:07",
    ];
    try {
      expect(await as([...build(), ...given])).toMatchObject({ status: 0, stderr: "" });
      const { stdout: domain } = await virsh("dumpxml", "vmb-libvirt");
      expect(domain).toContain("<mac address='52:54:00:00:00:07'/>");
      expect(domain).toMatch(/>524288<\/memory>[\s\S]*>2<\/vcpu>/);
      const again = [...build(), ...given, "--dest", join(home, "other")];
      expect(await as(again)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("named vmb-libvirt already"),
      });
      expect(await as([...build(), ...given, "--overwrite"])).toMatchObject({ status: 0, stderr: "" });
      expect(await virsh("start", "vmb-libvirt")).toMatchObject({ status: 0, stderr: "" });
      expect(await virsh("domstate", "vmb-libvirt")).toMatchObject({ stdout: "running\n" });
      const running = expect.stringContaining("is running in libvirt");
      expect(await as([...again, "--overwrite"])).toMatchObject({ status: 2, stderr: running });
    } finally {
      await virsh("destroy", "vmb-libvirt");
      await virsh("undefine", "--nvram", "vmb-libvirt");
      await endProcesses(WITH_RANGE); // the session's daemon would stay for two minutes
      await rm(settings, { recursive: true, force: true });
    }
  });

  test("has machines that libvirt runs: found, photographed, put back, ended and removed as others are", async () => {
    await own(home, WITH_RANGE);
    const settings = await mkdtemp("/tmp/vmb-");
    const state = join(settings, "state");
    await makeTinyMachine(state, "tiny", { says: "here I am", deed: "waits", libvirt: "qemu:///session" });
    await must(run("chown", ["-R", WITH_RANGE, settings]));
    const environment = ["env", `XDG_RUNTIME_DIR=${settings}`, `XDG_CONFIG_HOME=${settings}`];
    const as = (argv: readonly string[]) => asUser(WITH_RANGE, home, [...environment, ...argv]);
    const virsh = async (...args: string[]) =>
      (await as(["virsh", "--quiet", "--connect", "qemu:///session", ...args])).stdout.trim();
    const vmbuilder = (...args: string[]) => as([`VMBUILDER_STATE_DIR=${state}`, program(), ...args]);
    const listed = async () => JSON.parse((await vmbuilder("ls", "--json")).stdout);
    try {
      expect(await vmbuilder("start", "tiny", "--no-wait")).toMatchObject({ status: 0 });
      expect(await virsh("domstate", "tiny")).toBe("running");
      expect(await listed()).toMatchObject({ name: "tiny", state: "running", sshPort: expect.any(Number) });
      expect((await vmbuilder("logs", "tiny")).stdout).toContain("here I am");
      expect(await vmbuilder("snapshot", "tiny", "first")).toMatchObject({ status: 0 });
      expect(await vmbuilder("stop", "--force", "tiny")).toMatchObject({ status: 0 });
      expect(await virsh("domstate", "tiny")).toBe("shut off");
      expect(await vmbuilder("restore", "tiny", "first")).toMatchObject({ status: 0, stderr: "" });
      expect(await virsh("domstate", "tiny")).toBe("running");
      await virsh("destroy", "tiny"); // by libvirt's own means
      expect(await listed()).toMatchObject({ state: "stopped", ended: "by itself" });
      await virsh("start", "tiny");
      expect(await listed()).toMatchObject({ state: "running" });
      expect(await vmbuilder("rm", "--force", "tiny")).toMatchObject({ status: 0, stderr: "" });
      expect(await virsh("list", "--all", "--name")).toBe("");
      expect(await readdir(join(state, "machines"))).toEqual([]);
    } finally {
      await endProcesses(WITH_RANGE);
      await rm(settings, { recursive: true, force: true });
    }
  });

  test("gets machines by up in no libvirt but their own, which root has none of", async () => {
    const up = [program(), "up", "debian:trixie", "--libvirt"];
    await own(home, WITH_RANGE);
    expect(await asUser(WITH_RANGE, home, [...up, "qemu:///system"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("vmbuilder build --libvirt qemu:///system"),
    });
    expect(await run(up[0] ?? "", [...up.slice(1), "qemu:///session"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("root has no qemu:///session"),
    });
  });

  function program(): string {
    return join(folder, "program/bin/vmbuilder");
  }

  function build(): string[] {
    return [program(), "build", ...options, "--quiet", "--dest", join(home, "vm"), "--cache-dir", join(home, "cache")];
  }
});

async function makeUser(name: string): Promise<void> {
  await endProcesses(name); // of a run that was killed
  await run("userdel", ["--remove", name]);
  await must(run("useradd", ["--no-create-home", "--shell", "/bin/sh", name]));
}

/** Ends all that a user runs; one who runs something cannot be removed. */
async function endProcesses(name: string): Promise<void> {
  while ((await run("pkill", ["-KILL", "-u", name])).status === 0) await delay(100);
}

/** useradd gives each user a range by itself. */
async function forgetRanges(name: string): Promise<void> {
  await must(run("sed", ["-i", `/^${name}:/d`, "/etc/subuid", "/etc/subgid"]));
}

/** The program where everybody can read it: a checkout may stand in root's own home. */
async function copyProgram(target: string): Promise<void> {
  await mkdir(target);
  for (const name of ["bin", "src", "package.json"])
    await cp(join(ROOT, name), join(target, name), { recursive: true });
  await must(run("cp", ["-a", join(ROOT, "node_modules"), join(target, "node_modules")]));
}

/** The repository likewise; returns the options that lead there. */
async function copyRepository(built: BuiltCache, target: string): Promise<string[]> {
  const { recipe } = await localRepository();
  await must(run("cp", ["-a", recipe.mirror, target]));
  await must(run("chmod", ["-R", "a+rX", target]));
  return built.options.map((option) => option.replace(recipe.mirror, target));
}

async function own(directory: string, name: string): Promise<void> {
  await must(run("chown", [name, directory]));
}

function asUser(name: string, home: string, argv: readonly string[]): Promise<CliResult> {
  const env = { PATH: process.env.PATH ?? "", HOME: home };
  return run(
    "setpriv",
    ["--reuid", name, "--regid", name, "--init-groups", "--reset-env", "env", "-C", home, `HOME=${home}`, ...argv],
    env,
  );
}

async function must(result: Promise<CliResult>): Promise<CliResult> {
  const ended = await result;
  if (ended.status !== 0) throw new Error(ended.stderr);
  return ended;
}
