import { spawn } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/model/events.ts";
import { type BuiltCache, builtCache, exists, makeBuildFolder, type Progress } from "../fixtures/built-cache.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/vmbuilder");
const LONGEST_STOP_MS = 4000;

/** Every step that takes time, and how far the cache has come when it is tried. */
const STEPS: [string, Progress][] = [
  ["resolve/releases", "empty"],
  ["resolve/index", "empty"],
  ["resolve/packages", "empty"],
  ["install/download", "empty"],
  ["install/unpack", "packages"],
  ["install/configure", "packages"],
  ["install/finish", "packages"],
  ["install/keep", "packages"],
  ["install/base", "tree"],
  ["assemble/filesystem", "tree"],
  ["assemble/keep", "tree"],
  ["assemble/identity", "disk"],
  ["convert", "disk"],
  ["deploy", "disk"],
];

let built: BuiltCache;
let folder: string;
let cache: string;
let dest: string;

beforeAll(async () => {
  built = await builtCache();
});

beforeEach(async () => {
  folder = await makeBuildFolder("vmb-interrupt-");
  cache = join(folder, "cache");
  dest = join(folder, "results", "vm");
  await mkdir(join(folder, "results"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Starts a build, and sends a signal a moment after a step has begun. */
async function interruptAt(
  step: string,
  signals: readonly NodeJS.Signals[],
  afterMs: number,
  more: readonly string[] = [],
) {
  const argv = ["build", ...built.options, "--dest", dest, "--cache-dir", cache, "--json", ...more];
  const child = spawn(PROGRAM, argv, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  let stopping = 0;
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("close", (status, signal) => resolve({ status, signal })),
  );
  for await (const line of createInterface(child.stdout)) {
    const event = JSON.parse(line) as BuildEvent;
    if (stopping || event.type !== "started" || event.step !== step) continue;
    await delay(afterMs);
    stopping = performance.now();
    for (const signal of signals) {
      child.kill(signal);
      if (signals.length > 1) await delay(20); // two at once would be one
    }
  }
  const end = await ended;
  return { ...end, stderr, reached: stopping > 0, stopMs: performance.now() - stopping };
}

async function expectClean(): Promise<void> {
  expect(await lastingProcesses(folder)).toEqual([]);
  expect(await exists(dest)).toBe(false);
}

async function expectNextBuildWorks(): Promise<void> {
  const { status, stderr } = await vmbuilder([
    ...["build", ...built.options, "--dest", dest, "--cache-dir", cache, "--quiet"],
  ]);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(await readdir(join(cache, "work"))).toEqual([]);
  expect(await readdir(join(folder, "results"))).toEqual(["vm"]);
  const ofTrees = ["-path", join(cache, "objects/tree/*/tree"), "-prune"];
  const partial = await run("find", [
    cache,
    ...ofTrees,
    "-o",
    "-name",
    "*.part",
    "-print",
    "-o",
    "-name",
    "*.tmp",
    "-print",
  ]);
  expect(partial).toMatchObject({ status: 0, stdout: "" });
  expect((await vmbuilder(["cache", "verify", "--cache-dir", cache])).status).toBe(0);
}

describe.each(STEPS)("during %s", (step, progress) => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s cleans up at once", async (signal) => {
    await built.copyTo(cache, progress);
    const end = await interruptAt(step, [signal], 100);
    if (!end.reached) throw new Error(`the build never came to ${step}: ${end.stderr}`);
    // A step that was shorter than the wait has ended, and perhaps the build with it.
    if (end.status !== 0) {
      expect(end.status).toBe(130);
      expect(end.stderr).toContain(signal);
      expect(end.stopMs).toBeLessThan(LONGEST_STOP_MS);
      await expectClean();
      expect(await readdir(join(folder, "results"))).toEqual([]);
      expect(await readdir(join(cache, "work"))).toEqual([]);
    }
    await rm(dest, { recursive: true, force: true });
    await built.copyTo(cache, "disk"); // what it takes to try again without waiting for the whole build
    await expectNextBuildWorks();
  });

  test("SIGKILL leaves nothing running, and the next build removes the rest", async () => {
    await built.copyTo(cache, progress);
    const end = await interruptAt(step, ["SIGKILL"], 100);
    if (!end.reached) throw new Error(`the build never came to ${step}: ${end.stderr}`);
    if (end.status === 0) return; // shorter than the wait
    expect(end.signal).toBe("SIGKILL");
    await expectClean();
    await built.copyTo(cache, "disk");
    await expectNextBuildWorks();
  });
});

test.each(["SIGINT", "SIGKILL"] as const)(
  "%s while a package more comes upon a cached system leaves that as it was",
  async (signal) => {
    await built.copyTo(cache, "disk");
    const deb = await makeDeb(folder, {
      name: "more",
      files: { "/usr/share/more": { bytes: Buffer.alloc(10e6, "more") } },
    });
    for (const step of ["install/unpack", "assemble/filesystem", "assemble/keep"]) {
      const end = await interruptAt(step, [signal], 20, ["--addpkg", deb]);
      expect(end.reached).toBe(true);
      if (end.status !== 0) await expectClean();
      await rm(dest, { recursive: true, force: true });
    }
    await expectNextBuildWorks();
  },
);

test("of a matrix, an interrupt stops every machine, and none is left half made", async () => {
  await built.copyTo(cache, "tree");
  const end = await interruptAt("assemble/filesystem", ["SIGINT"], 100, ["--matrix", "swapsize=64M,96M"]);
  expect(end.reached).toBe(true);
  expect(end.status).toBe(130);
  await expectClean();
  expect(await readdir(join(folder, "results"))).toEqual([]);
  expect(await readdir(join(cache, "work"))).toEqual([]);
});

test("a second interrupt ends it without waiting", async () => {
  await built.copyTo(cache, "packages");
  const end = await interruptAt("install/configure", ["SIGINT", "SIGINT"], 300);
  expect(end.status).toBe(130);
  expect(end.stopMs).toBeLessThan(1000);
  await expectClean();
  await built.copyTo(cache, "disk");
  await expectNextBuildWorks();
});

test("a build that was killed is built to its end by the next, from what it left", async () => {
  await built.copyTo(cache, "packages");
  const end = await interruptAt("install/configure", ["SIGKILL"], 500);
  expect(end.signal).toBe("SIGKILL");
  await expectClean();
  await expectNextBuildWorks();
});
