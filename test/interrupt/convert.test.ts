import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FORMATS } from "../../src/formats/index.ts";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { run, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let folder: string;
let image: string;
let ova: string;
let results: string;

beforeAll(async () => {
  const built = await builtCache();
  folder = await makeBuildFolder("vmb-convert-");
  await built.copyTo(join(folder, "cache"), "disk");
  const machine = join(folder, "machine");
  const packed = [
    "build",
    ...built.options,
    "--hypervisor",
    "kvm,ova",
    "--dest",
    machine,
    "--cache-dir",
    join(folder, "cache"),
    "--quiet",
  ];
  expect(await vmbuilder(packed)).toMatchObject({ status: 0, stderr: "" });
  image = join(machine, "test.qcow2");
  ova = join(machine, "test.ova");
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  results = join(folder, "results");
  await rm(results, { recursive: true, force: true });
  await mkdir(results);
});

/** Starts a conversion and sends a signal when its first bytes have been written. */
async function stopInTheMiddle(source: string, format: string, signal: NodeJS.Signals) {
  const child = spawn(VMBUILDER, ["convert", source, "--format", format, "--dest", results, "--quiet"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close");
  while (child.exitCode === null && !(await hasBytes())) await delay(10);
  child.kill(signal);
  const [status, by] = await ended;
  return { status, by, stderr };
}

async function hasBytes(): Promise<boolean> {
  const { stdout } = await run("find", [results, "-type", "f", "-size", "+1000k"]);
  return stdout !== "";
}

describe.each([
  ["a disk", () => image, "qcow2-compressed", "test-compressed.qcow2"],
  ["an OVA", () => ova, "qcow2-compressed", "test-compressed.qcow2"],
] as const)("a conversion of %s", (_, source, format, made) => {
  test.each(["SIGINT", "SIGTERM"] as const)("that is stopped by %s leaves nothing", async (signal) => {
    const { status, stderr } = await stopInTheMiddle(source(), format, signal);
    expect({ status, stderr }).toEqual({ status: 130, stderr: expect.stringContaining(signal) });
    expect(await readdir(results)).toEqual([]);
    expect(await lastingProcesses(folder)).toEqual([]);
  });

  test("that is killed leaves nothing that runs, and the next one removes the rest", async () => {
    expect(await stopInTheMiddle(source(), format, "SIGKILL")).toMatchObject({ by: "SIGKILL" });
    expect(await lastingProcesses(folder)).toEqual([]);
    expect(await readdir(results)).not.toContain(made);
    const again = await vmbuilder(["convert", source(), "--format", format, "--dest", results, "--quiet"]);
    expect(again).toMatchObject({ status: 0, stderr: "" });
    expect(await readdir(results)).toEqual([made]);
  });
});

/** A file system of 24 MiB, with a conversion into it; then one with room. */
const WITH_LITTLE_ROOM = `
room=$1 format=$2
shift 2
mount -t tmpfs -o size=24m none "$room" || exit 99
"$@" --format "$format" --dest "$room"
echo "STATUS $?"
echo "LEFT $(find "$room" -mindepth 1 | tr '\\n' ' ')"
`;

test.each(FORMATS.map(({ name }) => name))(
  "a disk that is full while %s is made is named, and nothing is left",
  async (format) => {
    const argv = ["--mount", "--propagation", "private", "sh", "-c", WITH_LITTLE_ROOM, "sh", results, format];
    const { stdout, stderr } = await run("unshare", [...argv, VMBUILDER, "convert", image, "--quiet"]);
    expect(stderr).toMatch(/^vmbuilder: error: .*\[disk-full\]\n {2}hint: /);
    expect(stderr).not.toContain(".tmp");
    expect(stdout).toBe("STATUS 1\nLEFT \n");
  },
);
