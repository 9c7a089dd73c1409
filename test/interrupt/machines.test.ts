import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/model/events.ts";
import { type BuiltCache, builtCache, exists, makeBuildFolder } from "../fixtures/built-cache.ts";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await makeBuildFolder("vmb-kill-");
  env = { VMBUILDER_STATE_DIR: join(folder, "state") };
});
afterEach(async () => {
  await vmbuilder(["rm", "--force", "--quiet", "test"], env);
  expect(await lastingProcesses(folder)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

/** Kills a command a moment after one of its steps has begun; `step` "" is the start of the command itself. */
async function killAt(argv: readonly string[], step: string, afterMs: number): Promise<void> {
  const child = spawn(VMBUILDER, argv, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, ...env } });
  const ended = once(child, "exit");
  if (step === "") {
    await Promise.race([delay(afterMs), ended]);
    child.kill("SIGKILL");
  }
  let reached = step === "";
  for await (const line of createInterface(child.stdout)) {
    const event = step === "" ? undefined : (JSON.parse(line) as BuildEvent);
    if (reached || event?.type !== "started" || event.step !== step) continue;
    reached = true;
    await delay(afterMs);
    child.kill("SIGKILL");
  }
  await ended;
  expect(reached, `${argv[0]} never came to ${step}`).toBe(true);
}

async function names(): Promise<string[]> {
  const { status, stdout, stderr } = await vmbuilder(["ls", "--json"], env);
  expect([status, stderr]).toEqual([0, ""]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line).name);
}

describe("up that is killed", () => {
  const up = () => ["up", "--hostname", "test", "--cache-dir", join(TEST_CACHE, "boot"), "--no-wait"];
  beforeAll(async () => {
    expect((await vmbuilder([...up(), "--quiet"], { VMBUILDER_STATE_DIR: join(TEST_CACHE, "kill") })).status).toBe(0);
    await vmbuilder(["rm", "--force", "test"], { VMBUILDER_STATE_DIR: join(TEST_CACHE, "kill") });
  });

  test.each([
    ["", 200],
    ["resolve/releases", 0],
    ["deploy/start", 0],
    ["deploy/start", 60],
    ["deploy/start", 200],
  ])("during %j after %i ms leaves what the next up goes on with", async (step, afterMs) => {
    await killAt([...up(), "--json"], step, afterMs);
    expect(["", "test"]).toContain((await names()).join());
    const again = await vmbuilder([...up(), "--quiet"], env);
    expect(again.status, again.stderr).toBe(0);
    expect(await names()).toEqual(["test"]);
    const state = JSON.parse((await vmbuilder(["info", "test", "--json"], env)).stdout);
    expect(state).toMatchObject({ state: "running", sshPort: expect.any(Number) });
    const removed = await vmbuilder(["rm", "--force", "test"], env);
    expect(removed.status, removed.stderr).toBe(0);
    expect(await names()).toEqual([]);
  });

  test("while it waits for ssh leaves a machine that runs, and is waited for again", async () => {
    const waiting = up().filter((word) => word !== "--no-wait");
    await killAt([...waiting, "--json"], "deploy/boot", 300);
    expect(await names()).toEqual(["test"]);
    const late = await vmbuilder([...waiting, "--quiet", "--timeout", "1"], env);
    expect([late.status, late.stderr]).toEqual([1, expect.stringContaining("did not answer over ssh within 1 s")]);
  });
});

describe("clone that is killed", () => {
  let built: BuiltCache;
  beforeAll(async () => {
    built = await builtCache();
  });
  test.each([150, 300, 500, 800])("after %i ms leaves whole machines or none", async (afterMs) => {
    const [source, cache] = [join(folder, "test"), ["--cache-dir", join(folder, "cache")]];
    await built.copyTo(join(folder, "cache"), "disk");
    const made = await vmbuilder(["build", ...built.options, ...cache, "--dest", source, "--quiet"]);
    expect(made.status, made.stderr).toBe(0);
    const dest = join(folder, "clones");
    await mkdir(dest);
    const clone = ["clone", source, "-n", "20", "--hostname", "c-{n}", "--dest", dest, ...cache];
    await killAt(clone, "", afterMs);
    for (const name of (await readdir(dest)).filter((one) => !one.startsWith(".")))
      for (const file of ["build.json", "manifest", `${name}.qcow2`])
        expect(await exists(join(dest, name, file)), `${name}/${file}`).toBe(true);
    await rm(dest, { recursive: true });
    await mkdir(dest);
    const again = await vmbuilder([...clone, "--quiet"]);
    expect(again.status, again.stderr).toBe(0);
    expect((await readdir(dest)).filter((one) => one.startsWith("c-"))).toHaveLength(20);
    expect((await vmbuilder(["cache", "verify", ...cache])).status).toBe(0);
  });
});
