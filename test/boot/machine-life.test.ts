import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { type CliResult, run, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let workshop: Workshop;
let env: Record<string, string>;
const CACHE = ["--cache-dir", join(TEST_CACHE, "boot")];
const call = (...args: string[]): Promise<CliResult> => vmbuilder(args, env);
const inside = (...command: string[]) => call("exec", "life", "--", ...command);

beforeAll(async () => {
  workshop = await openWorkshop();
  env = { VMBUILDER_STATE_DIR: join(workshop.directory, "state") };
});
afterAll(async () => {
  await call("rm", "--force", "--quiet", "life");
  await workshop?.close();
});

async function summary(): Promise<Record<string, unknown> | undefined> {
  const { stdout } = await call("ls", "--json");
  const machines = stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  return machines.find(({ name }) => name === "life");
}

describe("a machine's life", () => {
  beforeAll(async () => {
    const up = await call("up", "--hostname", "life", "--forward", "0:22", ...CACHE);
    expect(up.status, up.stderr).toBe(0);
  });

  test("is listed, and is there already for another up", async () => {
    expect(await summary()).toMatchObject({ name: "life", state: "running" });
    const again = await call("up", "--hostname", "life", ...CACHE);
    expect(again.status, again.stderr).toBe(0);
  });

  test("runs commands whose status, outputs and input are their own", async () => {
    const said = await inside("sh", "-c", "echo out; echo err >&2; exit 7");
    expect(said).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    expect((await inside("printf", "%s|", "a b", "$HOME", "it's")).stdout).toBe("a b|$HOME|it's|");
    const piped = await run("sh", ["-c", 'echo typed | "$0" exec life -- cat', VMBUILDER], { ...process.env, ...env });
    expect(piped.stdout).toBe("typed\n");
  });

  test("is reached by one connection, by many at a time, and whatever became of that connection", async () => {
    const socket = join(workshop.directory, "state/machines/life/ssh.sock");
    const many = await Promise.all(Array.from({ length: 12 }, (_, index) => inside("echo", String(index))));
    expect(many.map(({ stdout }) => stdout)).toEqual(many.map((_, index) => `${index}\n`));
    expect(existsSync(socket)).toBe(true);
    const { stdout } = await run("pgrep", ["-f", `ssh -M.*${socket}`]);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    process.kill(Number(stdout), "SIGKILL");
    expect((await inside("echo", "again")).stdout).toBe("again\n");
  });

  test("lets us in again after it has turned everybody away for a while", async () => {
    const { stdout } = await call("info", "life", "--json");
    await Promise.all(Array.from({ length: 40 }, (_, index) => leaveEarly(JSON.parse(stdout).sshPort, index * 150)));
    await run("pkill", ["-f", `ssh -M.*${join(workshop.directory, "state/machines/life/ssh.sock")}`]);
    expect(await inside("echo", "again")).toMatchObject({ status: 0, stdout: "again\n" });
    const log = await inside("journalctl", "-u", "ssh", "--no-pager");
    expect(log.stdout).toMatch(/drop connection .* penalty/); // of OpenSSH 9.8 and later
  });

  test("takes files in and gives them out", async () => {
    const [there, back] = [join(workshop.directory, "there"), join(workshop.directory, "back")];
    await writeFile(there, "a file\n");
    expect((await call("cp", there, "life:/root/copied")).status).toBe(0);
    expect((await call("cp", "life:/root/copied", back)).status).toBe(0);
    expect(await readFile(back, "utf8")).toBe("a file\n");
  });

  test("goes back to a snapshot with its memory", async () => {
    await inside("sh", "-c", "echo before >/root/state; echo before >/run/memory");
    const taken = await call("snapshot", "life", "before");
    expect(taken.status, taken.stderr).toBe(0);
    await inside("sh", "-c", "echo after >/root/state; rm /run/memory");
    const restored = await call("restore", "life", "before");
    expect(restored.status, restored.stderr).toBe(0);
    expect((await inside("cat", "/root/state", "/run/memory")).stdout).toBe("before\nbefore\n");
    const [now, then] = [Date.now() / 1000, Number((await inside("date", "+%s")).stdout)];
    expect(Math.abs(now - then)).toBeLessThan(60);
  });

  test("isn't removed while it runs", async () => {
    const refused = await call("rm", "life");
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("life runs")]);
  });

  test("whose qemu is killed is stopped, and gone when it is removed", async () => {
    const { stdout } = await call("info", "life", "--json");
    process.kill(JSON.parse(stdout).pid, "SIGKILL");
    await expect.poll(summary, { timeout: 10_000 }).toMatchObject({ state: "stopped", ended: "by itself" });
    const late = await inside("true");
    expect([late.status, late.stderr]).toEqual([2, expect.stringContaining("life does not run")]);
    expect((await call("logs", "life")).stdout).toContain("life login:");
    expect((await call("rm", "life")).status).toBe(0);
    expect(await summary()).toBeUndefined();
  });
});

/** Opens a connection to an ssh server after a while, and leaves without a login when it greets. */
async function leaveEarly(port: number, afterMs: number): Promise<void> {
  await delay(afterMs);
  const socket = createConnection(port, "127.0.0.1");
  socket.once("data", () => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "close");
}
