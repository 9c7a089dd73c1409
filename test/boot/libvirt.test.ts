/** A machine's life in a real libvirt: defined by a build, started, reached by ssh, shut down, undefined. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { type LibvirtDaemon, openLibvirt } from "../fixtures/libvirt-daemon.ts";
import { freePort } from "../fixtures/ports.ts";
import { run } from "../fixtures/vmbuilder.ts";

const NAME = "inlibvirt";

let workshop: Workshop;
let libvirt: LibvirtDaemon;
beforeAll(async () => {
  workshop = await openWorkshop();
  libvirt = await openLibvirt();
});
afterAll(async () => {
  await libvirt?.virsh("destroy", NAME);
  await libvirt?.close();
  await workshop?.close();
});

/** What virsh says when all is well. */
async function virsh(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await libvirt.virsh(...args);
  expect({ args, status, stderr }).toMatchObject({ status: 0 });
  return stdout.trim();
}

async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 600_000; !(await test()); await delay(1000))
    if (Date.now() > end) throw new Error(`${what} did not come`);
}

test("a machine that a build defined starts, is reached by ssh, shuts down when asked, and is undefined", async () => {
  await virsh("pool-start", "images");
  await workshop.build(NAME, "--libvirt", libvirt.uri, "--libvirt-pool", "images", "--mem", "768", "--cpus", "2");
  await virsh("start", NAME);

  const port = await freePort();
  await virsh("qemu-monitor-command", NAME, "--hmp", `hostfwd_add hostnet0 tcp:127.0.0.1:${port}-:22`);
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ConnectTimeout=5"];
  const args = ["-p", String(port), "-i", workshop.key, ...options.flatMap((one) => ["-o", one]), "root@127.0.0.1"];
  const inside = (command: string) => run("ssh", [...args, command]);
  await until("ssh", async () => (await inside("true")).status === 0);
  expect(await inside("hostname; systemctl is-system-running --wait; nproc")).toMatchObject({
    status: 0,
    stdout: `${NAME}\nrunning\n2\n`,
  });

  await virsh("shutdown", NAME);
  await until("its end", async () => (await virsh("domstate", NAME)) === "shut off");
  await virsh("undefine", NAME);
  expect(await virsh("list", "--all", "--name")).toBe("");
});
