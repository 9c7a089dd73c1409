import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { type LibvirtDaemon, openLibvirt } from "../fixtures/libvirt-daemon.ts";
import { freePort } from "../fixtures/ports.ts";
import { run, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let folder: string;
let build: readonly string[];
let libvirt: LibvirtDaemon;
const virsh = (...args: string[]) => libvirt.virsh(...args);

beforeAll(async () => {
  const built = await builtCache();
  folder = await makeBuildFolder("vmb-remote-");
  await built.copyTo(join(folder, "cache"), "disk");
  build = ["build", ...built.options, "--quiet", "--cache-dir", join(folder, "cache")];
  libvirt = await openLibvirt();
  await chmod(folder, 0o700);
});
afterAll(async () => {
  await virsh("destroy", "far");
  await libvirt.close();
  await rm(folder, { recursive: true, force: true });
});

const far = (...args: string[]) => [
  ...build,
  "--libvirt",
  libvirt.uri,
  "--libvirt-pool",
  "images",
  "--hostname",
  "far",
  ...args,
];
const volumes = async () =>
  (await virsh("vol-list", "images")).stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);

test("a pool that isn't started or there is named before anything is built", async () => {
  expect(await vmbuilder(far("--dest", join(folder, "vm")))).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/the pool images is not started[\s\S]*pool-start images/),
  });
  expect(await vmbuilder([...far("--dest", join(folder, "vm")), "--libvirt-pool", "none"])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/no storage pool[\s\S]*--libvirt-pool/),
  });
  await expect(stat(join(folder, "vm"))).rejects.toThrow();
  expect(await virsh("pool-start", "images")).toMatchObject({ status: 0 });
});

test("disks are uploaded whole, the machine is defined on them, and starts", async () => {
  expect(await vmbuilder(far("--dest", join(folder, "vm")))).toMatchObject({ status: 0, stderr: "" });
  const [volume = ""] = await volumes();
  expect(volume).toMatch(/^far-[0-9a-f]{8}\.qcow2$/);
  expect(await run("cmp", [join(folder, "vm/far.qcow2"), join(libvirt.pool, volume)])).toMatchObject({ status: 0 });
  expect((await virsh("vol-dumpxml", "--pool", "images", volume)).stdout).toContain("<format type='qcow2'/>");
  expect(await virsh("start", "far")).toMatchObject({ status: 0 });
  expect(await virsh("domstate", "far")).toMatchObject({ stdout: "running\n" });
  await virsh("destroy", "far");
});

test("the old command line's networks and bridges stand in the domain that is defined", async () => {
  const old = ["kvm", "debian", ...build.slice(1), "--libvirt", libvirt.uri, "--libvirt-pool", "images", "-m", "300"];
  const defined = async (hostname: string, ...args: string[]) => {
    const dest = ["--hostname", hostname, "--dest", join(folder, hostname)];
    expect(await vmbuilder([...old, ...dest, ...args])).toMatchObject({ status: 0, stderr: "" });
    const { stdout } = await virsh("dumpxml", hostname);
    await virsh("undefine", hostname);
    for (const volume of await volumes())
      if (volume.startsWith(`${hostname}-`)) await virsh("vol-delete", volume, "images");
    return stdout;
  };
  const inNetwork = await defined("innet", "--network", "lan", "--mac", "52:54:00:00:00:07");
  expect(inNetwork).toMatch(
    /<interface type='network'>\s*<mac address='52:54:00:00:00:07'\/>\s*<source network='lan'\/>/,
  );
  expect(inNetwork).toContain("<memory unit='KiB'>307200</memory>");
  expect(await defined("onbridge", "--bridge", "br7")).toMatch(
    /<interface type='bridge'>\s*<mac address='[0-9a-f:]+'\/>\s*<source bridge='br7'\/>/,
  );
});

test("--overwrite replaces the machine and its disk; without it both stay", async () => {
  const before = await volumes();
  const refused = await vmbuilder(far("--dest", join(folder, "other")));
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("named far already") });
  expect(await volumes()).toEqual(before);
  expect(await vmbuilder(far("--dest", join(folder, "vm"), "--overwrite"))).toMatchObject({ status: 0, stderr: "" });
  const after = await volumes();
  expect(after).toHaveLength(1);
  expect(after).not.toEqual(before);
  expect(await virsh("start", "far")).toMatchObject({ status: 0 });
  await virsh("destroy", "far");
});

test("an interrupt while a disk is uploaded leaves the former machine, and nothing of the new one", async () => {
  const before = await volumes();
  const args = far("--dest", join(folder, "third"), "--overwrite").filter((arg) => arg !== "--quiet");
  const child = spawn(VMBUILDER, [...args, "--json"], { stdio: ["ignore", "pipe", "ignore"] });
  let interrupted = false;
  child.stdout.on("data", async (chunk: Buffer) => {
    if (interrupted || !chunk.toString().includes('"started","step":"deploy/libvirt"')) return;
    interrupted = true;
    while ((await volumes()).length === before.length && child.exitCode === null) await delay(20);
    child.kill("SIGINT");
  });
  const [status] = await once(child, "close");
  expect({ interrupted, status }).toEqual({ interrupted: true, status: 130 });
  expect(await volumes()).toEqual(before);
  expect(await virsh("start", "far")).toMatchObject({ status: 0 });
});

test("by ssh, with a key of its own: refused in one line with another key, defined and started with the right one", async () => {
  const { remote, within, close } = await openSsh();
  try {
    const over = (key: string) => [
      ...build,
      ...["--libvirt", `${remote}?keyfile=${key}`, "--libvirt-pool", "images", "--hostname", "byssh"],
      ...["--dest", join(folder, "byssh")],
    ];
    const refused = await within(over(join(folder, "wrong-key")));
    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/libvirt does not answer at .*Permission denied/),
    });
    expect(refused.stderr.trim().split("\n")).toHaveLength(2); // the error, and what to do
    await expect(stat(join(folder, "byssh"))).rejects.toThrow();
    expect(await within(over(join(folder, "key")))).toMatchObject({ status: 0, stderr: "" });
    const volume = (await volumes()).find((name) => name.startsWith("byssh-")) ?? "";
    expect(await run("cmp", [join(folder, "byssh/byssh.qcow2"), join(libvirt.pool, volume)])).toMatchObject({
      status: 0,
    });
    expect(await virsh("start", "byssh")).toMatchObject({ status: 0 });
    expect(await virsh("domstate", "byssh")).toMatchObject({ stdout: "running\n" });
    await virsh("destroy", "byssh");
  } finally {
    await close();
  }
});

const OWN_MOUNTS = ["--mount", "--propagation", "private"];
const WITH_SSH_CONFIG = 'mount --bind "$1" /etc/ssh/ssh_config && shift && exec "$@"';

const SSHD = 'mkdir -p /run/libvirt && mount --bind "$1" /run/libvirt && exec /usr/sbin/sshd -D -e -f "$2"';

/** An sshd that leads to the other user's libvirt, with keys and known hosts that are this test's alone. */
async function openSsh() {
  const at = (name: string) => join(folder, name);
  for (const name of ["host-key", "key", "wrong-key"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  const port = await freePort();
  const settings = [
    ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${at("host-key")}`, `AuthorizedKeysFile ${at("key.pub")}`],
    ...["StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin yes", "PasswordAuthentication no"],
  ];
  await writeFile(at("sshd_config"), `${settings.join("\n")}\n`);
  await mkdir("/run/sshd", { recursive: true });
  // root's libvirt over there is the other user's
  const argv = [...OWN_MOUNTS, "sh", "-c", SSHD, "sh", join(libvirt.home, "libvirt"), at("sshd_config")];
  const sshd = spawn("unshare", argv, { stdio: "ignore" });
  await writeFile(at("known"), `[127.0.0.1]:${port} ${await readFile(at("host-key.pub"), "utf8")}`);
  await writeFile(at("ssh_config"), `UserKnownHostsFile ${at("known")}\nIdentityAgent none\nIdentitiesOnly yes\n`);
  const answers = () =>
    run("ssh", ["-F", at("ssh_config"), "-p", String(port), "-i", at("key"), "root@127.0.0.1", "true"]);
  for (let i = 0; (await answers()).status !== 0; i++) {
    if (i > 50) throw new Error("sshd does not answer");
    await delay(100);
  }
  const close = async () => {
    const ended = once(sshd, "exit");
    sshd.kill();
    await ended;
  };
  const within = (args: readonly string[]) =>
    run("unshare", [...OWN_MOUNTS, "sh", "-c", WITH_SSH_CONFIG, "sh", at("ssh_config"), VMBUILDER, ...args]);
  return { remote: `qemu+ssh://root@127.0.0.1:${port}/session`, within, close };
}
