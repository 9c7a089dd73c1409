import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const CLONES = 20;
const RUNNING = 5;
const REPORT = join(import.meta.dirname, "../../build/reports/machines.md");
const CACHE = ["--cache-dir", join(TEST_CACHE, "boot")];
/** What no two machines may share, a line each. */
const IDENTITY =
  "hostname; cat /etc/machine-id; cat /sys/class/net/e*/address; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; findmnt -no UUID /";

const lines: string[] = [];
let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(async () => {
  await workshop?.close();
  await mkdir(join(REPORT, ".."), { recursive: true });
  await writeFile(REPORT, ["| on this host's processors | |", "|---|---:|", ...lines, ""].join("\n"));
});

/** Expects each line of what the machines say to be another one on each. */
function expectDistinct(said: readonly (readonly string[])[]): void {
  const [first = []] = said;
  for (const line of first.keys()) {
    const values = said.map((one) => one[line]);
    expect(new Set(values).size, `line ${line + 1}: ${values.join(" ")}`).toBe(RUNNING);
  }
}

/** Runs something and puts its time into the report. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const result = await work();
  lines.push(`| ${what}, ${availableParallelism()} processors | ${((Date.now() - startedAt) / 1000).toFixed(1)} s |`);
  return result;
}

describe(`${CLONES} clones of a machine`, () => {
  let clones: string;
  const running: BootedMachine[] = [];
  beforeAll(async () => {
    const source = await workshop.build("origin");
    clones = join(workshop.directory, "clones");
    await mkdir(clones);
    const clone = ["clone", source, "-n", String(CLONES), "--hostname", "c-{n}", "--dest", clones, ...CACHE, "--quiet"];
    const { status, stderr } = await timed(`${CLONES} clones`, () => vmbuilder(clone));
    expect(status, stderr).toBe(0);
  });
  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
  });

  test("take a few megabytes each", async () => {
    for (let n = 1; n <= CLONES; n++) {
      const { blocks } = await stat(join(clones, `c-${n}`, `c-${n}.qcow2`));
      expect(blocks * 512).toBeLessThan(10e6);
    }
  });

  test(`run, ${RUNNING} at once, each as itself, without a failed unit`, async () => {
    await timed(`${RUNNING} of them booted at once, each ready`, async () => {
      for (let n = 1; n <= RUNNING; n++) {
        const folder = join(clones, `c-${n}`);
        const image = join(folder, `c-${n}.qcow2`);
        const own = { startScript: join(folder, "run.sh"), key: workshop.key, deadlineMs: 900_000 };
        running.push(await bootMachine({ image, ...own }));
      }
      await Promise.all(running.map((one) => one.waitForSsh()));
      const states = await Promise.all(running.map((one) => one.inside("systemctl is-system-running --wait")));
      expect(states).toEqual(running.map(() => "running"));
    });
    const said = await Promise.all(running.map(async (one) => (await one.inside(IDENTITY)).split("\n")));
    expect(said.map(([hostname]) => hostname)).toEqual(running.map((_, index) => `c-${index + 1}`));
    expectDistinct(said);
  });
});

describe(`${RUNNING} machines that start fast`, () => {
  const names = Array.from({ length: RUNNING }, (_, index) => `f-${index + 1}`);
  let env: Record<string, string>;
  const up = async (name: string) => {
    const { status, stderr } = await vmbuilder(["up", "--fast", "--hostname", name, "--quiet", ...CACHE], env);
    expect(status, stderr).toBe(0);
  };
  beforeAll(async () => {
    env = { VMBUILDER_STATE_DIR: join(workshop.directory, "state") };
    await up("first"); // the memory is in the cache from now on
    await vmbuilder(["rm", "--force", "--quiet", "first"], env);
  });
  afterAll(async () => {
    await vmbuilder(["rm", "--force", "--quiet", ...names], env);
  });

  test("answer side by side, each as itself, and share their memory", async () => {
    await timed(`${RUNNING} started fast at once, each answers`, () => Promise.all(names.map(up)));
    const said = await Promise.all(
      names.map(async (name) => {
        const look = IDENTITY.split("; ").slice(0, 4).join("; ");
        return (await vmbuilder(["exec", name, "--", "sh", "-c", look], env)).stdout.trim().split("\n");
      }),
    );
    expect(said.map(([hostname]) => hostname)).toEqual(names);
    expectDistinct(said);
    const proportional = await Promise.all(
      names.map(async (name) => {
        const pid = await readFile(join(workshop.directory, "state/machines", name, "qemu.pid"), "utf8");
        const rollup = await readFile(`/proc/${pid.trim()}/smaps_rollup`, "utf8");
        return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
      }),
    );
    const total = proportional.reduce((sum, one) => sum + one, 0);
    lines.push(`| memory of these ${RUNNING}, of 1024 MB each | ${total.toFixed(0)} MB |`);
    expect(total).toBeLessThan(RUNNING * 1024);
  });
});
