import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { makeTinyMachine, type TinyDeed } from "../fixtures/tiny-machine.ts";
import { type CliResult, run, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let state: string;
let env: Record<string, string>;
const call = (...args: string[]): Promise<CliResult> => vmbuilder(args, env);
const tiny = (says = "tiny system\r\n", deed: TinyDeed = "waits") => makeTinyMachine(state, "tiny", { says, deed });

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "vmb-machine-faults-"));
  env = { VMBUILDER_STATE_DIR: state };
});
afterEach(async () => {
  await call("rm", "--force", "--quiet", "tiny");
  expect(await lastingProcesses(state)).toEqual([]);
  await rm(state, { recursive: true, force: true });
});

/** What `ls` says of the machine, which must be quick and right whatever happened. */
async function listed(): Promise<Record<string, unknown> | undefined> {
  const { status, stdout, stderr } = await call("ls", "--json");
  expect([status, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line)).find(({ name }) => name === "tiny");
}

async function qemuPid(): Promise<number> {
  return Number(await readFile(join(state, "machines/tiny/qemu.pid"), "utf8"));
}

describe("a machine that will not be ready", () => {
  test("never boots: said at the end of its time, with its console", async () => {
    await tiny("Loading the wrong thing...\r\n");
    const { status, stderr } = await call("start", "tiny", "--quiet", "--timeout", "4");
    expect(status).toBe(1);
    expect(stderr).toContain("tiny did not answer over ssh within 4 s");
    expect(stderr).toContain("Loading the wrong thing...");
    expect(await listed()).toMatchObject({ state: "running" });
  });

  test("panics: said at once, with its console", async () => {
    await tiny("VFS: Cannot open root device\r\nKernel panic - not syncing: VFS: Unable to mount root fs\r\n");
    const startedAt = Date.now();
    const { status, stderr } = await call("start", "tiny", "--quiet", "--timeout", "100");
    expect(Date.now() - startedAt).toBeLessThan(60_000);
    expect(status).toBe(1);
    expect(stderr).toContain("tiny will never be ready: its kernel panicked");
    expect(stderr).toContain("VFS: Cannot open root device");
  });

  test("switches itself off: said at once, with its console", async () => {
    await tiny("Power down.\r\n", "switches itself off");
    const { status, stderr } = await call("start", "tiny", "--quiet", "--timeout", "100");
    expect(status).toBe(1);
    expect(stderr).toContain("tiny ended before it was ready");
    expect(stderr).toContain("Power down.");
    expect(await listed()).toMatchObject({ state: "stopped", ended: "by itself" });
  });

  test("has no room on the host's disk: said at once", async () => {
    const script = `mount -t tmpfs -o size=24m none "$1" && cp -a "$2"/. "$1" && export VMBUILDER_STATE_DIR="$1" || exit 99
"$0" start tiny --quiet --timeout 100
echo "STATUS $?"
mount -o remount,size=64m "$1"
"$0" restart --force tiny --no-wait --quiet && echo RETRIED
"$0" rm --force tiny`;
    await tiny("Writing...\r\n", "fills its disk");
    const room = join(state, "room");
    await mkdir(room);
    const seed = join(state, "seed");
    await mkdir(seed);
    await run("mv", [join(state, "machines"), seed]);
    const argv = ["--mount", "--propagation", "private", "sh", "-c", script, VMBUILDER, room, seed];
    const { stdout, stderr } = await run("unshare", argv);
    expect(stderr).toContain("tiny stands still: the disk of this host is full");
    expect(stdout).toContain("STATUS 1\n");
    expect(stdout).toContain("RETRIED\n");
  });

  test("wants a port that is taken: nothing is left running", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    try {
      await makeTinyMachine(state, "tiny", { says: "", deed: "waits", forwards: [{ host: port, guest: 80 }] });
      const { status, stderr } = await call("start", "tiny", "--quiet", "--no-wait");
      expect(status).not.toBe(0);
      expect(stderr).toContain(`port ${port} of this host is taken`);
      expect(await listed()).toMatchObject({ state: "stopped" });
      expect(await lastingProcesses(join(state, "machines/tiny"))).toEqual([]);
    } finally {
      server.close();
    }
    expect((await call("start", "tiny", "--quiet", "--no-wait")).status).toBe(0);
  });
});

/** Commands that are killed, what they need first, and after how many milliseconds each is killed. */
const KILLED: [command: string[], before: string[][]][] = [
  [["start", "tiny", "--no-wait"], []],
  [["snapshot", "tiny", "cut"], [["start", "tiny", "--no-wait", "--quiet"]]],
  [["snapshot", "tiny", "cut"], []],
  [
    ["restore", "tiny", "good"],
    [
      ["start", "tiny", "--no-wait", "--quiet"],
      ["snapshot", "tiny", "good"],
    ],
  ],
  [
    ["restore", "tiny", "good"],
    [
      ["start", "tiny", "--no-wait", "--quiet"],
      ["snapshot", "tiny", "good"],
      ["stop", "--force", "tiny"],
    ],
  ],
  [["stop", "tiny", "--timeout", "1"], [["start", "tiny", "--no-wait", "--quiet"]]],
  [["rm", "--force", "tiny"], [["start", "tiny", "--no-wait", "--quiet"]]],
];
const KILL_AFTER_MS = [150, 250, 400];

describe("a command that is killed", () => {
  test.each(KILLED)("%j leaves a machine that others can go on with", async (command, before) => {
    for (const afterMs of KILL_AFTER_MS) {
      await tiny();
      for (const one of before) expect((await call(...one)).status).toBe(0);
      const child = spawn(VMBUILDER, command, { stdio: "ignore", env: { ...process.env, ...env } });
      const ended = once(child, "exit");
      await Promise.race([delay(afterMs), ended]);
      child.kill("SIGKILL");
      await ended;
      const found = await listed();
      if (command[0] === "rm" && found === undefined) continue;
      expect(found).toMatchObject({ name: "tiny" });
      if (found?.state === "stopped") {
        const started = await call("start", "tiny", "--no-wait", "--quiet");
        expect(started.status, started.stderr).toBe(0);
      }
      const info = JSON.parse((await call("info", "tiny", "--json")).stdout);
      expect(info.state).toBe("running");
      const taken = await call("snapshot", "tiny", "after");
      expect(taken.status, taken.stderr).toBe(0);
      expect((await call("stop", "--force", "tiny")).stdout).toContain("was switched off");
      const removed = await call("rm", "tiny");
      expect(removed.status, removed.stderr).toBe(0);
      expect(await listed()).toBeUndefined();
      expect(await lastingProcesses(join(state, "machines"))).toEqual([]);
    }
  });
});

describe("a qemu that is killed", () => {
  const WHILE: [command: string[], says: string][] = [
    [["start", "tiny", "--quiet", "--timeout", "60"], "tiny ended before it was ready"],
    [["snapshot", "tiny", "cut"], "tiny ended meanwhile"],
    [["restore", "tiny", "good"], "tiny ended meanwhile"],
  ];
  test.each(WHILE)("during %j is said, and the machine starts again", async (command, says) => {
    await tiny();
    expect((await call("start", "tiny", "--no-wait", "--quiet")).status).toBe(0);
    expect((await call("snapshot", "tiny", "good")).status).toBe(0);
    const pid = await qemuPid();
    process.kill(pid, "SIGSTOP"); // so that the command cannot be over before
    const running = call(...command);
    await delay(1500);
    process.kill(pid, "SIGKILL");
    const { status, stderr } = await running;
    expect([status, stderr]).toEqual([1, expect.stringContaining(says)]);
    expect(await listed()).toMatchObject({ state: "stopped", ended: "by itself" });
    const again = await call("start", "tiny", "--no-wait", "--quiet");
    expect(again.status, again.stderr).toBe(0);
    expect((await call("snapshot", "tiny")).stdout).toContain("good");
  });

  test("while it hangs is switched off by stop", async () => {
    await tiny();
    expect((await call("start", "tiny", "--no-wait", "--quiet")).status).toBe(0);
    process.kill(await qemuPid(), "SIGSTOP");
    const { status, stdout } = await call("stop", "tiny", "--timeout", "1");
    expect([status, stdout]).toEqual([0, "tiny was switched off\n"]);
    expect(await listed()).toMatchObject({ state: "stopped" });
  });
});
