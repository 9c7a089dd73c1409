import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/model/events.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { processesWorkingIn } from "../fixtures/leftovers.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { type CliResult, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let workshop: Workshop;
let env: Record<string, string>;
const CACHE = ["--cache-dir", join(TEST_CACHE, "boot")];
const NAMES = ["ann", "bob"];
const call = (...args: string[]): Promise<CliResult> => vmbuilder(args, env);

/** What no two machines may share. */
const IDENTITY = [
  "hostname",
  "cat /etc/hostname",
  "cat /etc/machine-id",
  "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
  "ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub",
  "ssh-keygen -lf /etc/ssh/ssh_host_rsa_key.pub",
  "ls /var/log/journal",
  "cat /sys/class/net/e*/address",
  "head -c 16 /dev/urandom | base64",
];

beforeAll(async () => {
  workshop = await openWorkshop();
  env = { VMBUILDER_STATE_DIR: join(workshop.directory, "state") };
  for (const name of NAMES) {
    const up = await call("up", "--fast", "--hostname", name, ...CACHE);
    expect(up.status, up.stderr).toBe(0);
  }
});
afterAll(async () => {
  await call("rm", "--force", "--quiet", ...NAMES);
  await workshop?.close();
});

describe("two machines that go on from one memory snapshot", () => {
  test("run side by side, and share nothing that tells them apart", async () => {
    const said = await Promise.all(
      NAMES.map(async (name) => {
        const { stdout } = await call("exec", name, "--", "sh", "-c", IDENTITY.join("; "));
        return stdout.trim().split("\n");
      }),
    );
    expect(said.map((lines) => lines.slice(0, 2))).toEqual(NAMES.map((name) => [name, name]));
    const [ann = [], bob = []] = said;
    expect([ann.length, bob.length]).toEqual([IDENTITY.length, IDENTITY.length]);
    expect(ann.filter((line, index) => line === bob[index])).toEqual([]);
  });

  test("know the time, have no failed unit, and reach what the host shows them", async () => {
    for (const name of NAMES) {
      const look = "date +%s; systemctl is-system-running --wait; ip -br -4 address show scope global";
      const [date, state, address] = (await call("exec", name, "--", "sh", "-c", look)).stdout.trim().split("\n");
      expect(Math.abs(Date.now() / 1000 - Number(date))).toBeLessThan(60);
      expect(state).toBe("running");
      expect(address).toContain("10.0.2.15/24");
    }
  });

  test("leave a throwaway's shell nothing of theirs, and it leaves nothing behind", async () => {
    const shell = await call("shell", ...CACHE, "--quiet", "--run", "hostname; id -u; exit 3");
    expect([shell.status, shell.stdout]).toEqual([3, expect.stringMatching(/^(?!ann|bob).+\n0\n$/)]);
    const { stdout } = await call("ls", "--json");
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).name),
    ).toEqual(NAMES);
  });

  test("are what a recipe's tests run in, and they start again as others do", async () => {
    const file = join(workshop.directory, "tested.yaml");
    const tests = [
      'command: "journalctl -q -u vmbuilder-renewal", stdout: Started',
      "command: hostname, stdout: tested",
      "command: hostname, stdout: tested, after-reboot: true",
    ];
    await writeFile(file, `hostname: tested\ntests:\n${tests.map((one) => `  - {${one}}\n`).join("")}`);
    const { status, stdout, stderr } = await call("test", file, ...CACHE);
    expect(status, stdout + stderr).toBe(0);
  });
});

test("the machine that is booted for a snapshot ends with the tool, even when that is killed", async () => {
  const argv = ["up", "--fast", "--hostname", "cut", "--mem", "300", ...CACHE, "--json"]; // no other test's snapshot
  const child = spawn(VMBUILDER, argv, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, ...env } });
  const ended = once(child, "exit");
  for await (const line of createInterface(child.stdout)) {
    const event = JSON.parse(line) as BuildEvent;
    if (event.type !== "started" || event.step !== "deploy/memory") continue;
    const work = join(TEST_CACHE, "boot/work");
    while ((await processesWorkingIn(work)).length === 0) await delay(50);
    child.kill("SIGKILL");
    await ended;
    await expect.poll(() => processesWorkingIn(work), { timeout: 5000 }).toEqual([]);
  }
  expect((await ended)[1]).toBe("SIGKILL");
});
