/** What users of the old tool suffered, by the numbers of docs/old-tool.md; the others are tested where that table says. */
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/model/events.ts";
import { type BuiltCache, builtCache, exists, makeBuildFolder } from "../fixtures/built-cache.ts";
import { type GuestDisk, openGuestDisk } from "../fixtures/guest-disk.ts";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { type CliResult, run } from "../fixtures/vmbuilder.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/vmbuilder");
/** The longest step that cannot count, the initramfs, takes a quarter of this on a busy machine; a terminal's clock runs on. */
const LONGEST_SILENCE_MS = 60_000;

let built: BuiltCache;
let folder: string;
let cache: string;
beforeAll(async () => {
  built = await builtCache();
  folder = await makeBuildFolder("vmb-complaints-");
  cache = join(folder, "cache");
  await built.copyTo(cache, "packages");
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs vmbuilder in a folder of the test's; `before` is a command that starts it. */
function vmbuilder(args: readonly string[], at = folder, before: readonly string[] = []): Promise<CliResult> {
  const [program = "env", ...rest] = [...before, "env", "-C", at, PROGRAM, ...args];
  return run(program, rest, { ...process.env, VMBUILDER_CACHE_DIR: cache, HOME: folder, NO_COLOR: "1" });
}

/** A machine by the old form. */
async function build(hypervisor: string, name: string, ...args: string[]): Promise<string> {
  const { status, stderr } = await vmbuilder([hypervisor, "debian", ...built.options, "-d", name, "-q", ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return join(folder, name);
}

/** What a build could change on the host and never should. */
async function hostState(): Promise<string> {
  const commands = [
    "cat /proc/self/mounts",
    "losetup --list",
    "ls -lR /usr/lib/locale",
    "cat /etc/locale.gen /etc/default/locale",
  ];
  const texts = await Promise.all(commands.map((command) => run("sh", ["-c", command])));
  return texts.map(({ stdout }) => stdout).join("---\n");
}

describe("a build", () => {
  let events: BuildEvent[];
  let before: string;
  let after: string;
  beforeAll(async () => {
    before = await hostState();
    const { status, stdout } = await vmbuilder(["kvm", "debian", ...built.options, "-d", "first", "--json"]);
    after = await hostState();
    expect(status).toBe(0);
    events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as BuildEvent);
  });

  test("1: shows what it does and how far it is, all the time", () => {
    const times = events.flatMap((event) => ("atMs" in event ? [event.atMs] : []));
    const silences = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.max(...silences)).toBeLessThan(LONGEST_SILENCE_MS);
    const counted = events.filter((event) => event.type === "progress").map(({ step }) => step);
    for (const step of ["install/unpack", "install/configure"]) expect(counted).toContain(step);
  });
  test("14: leaves the host's locales alone, and mounts and loop devices as they were", () => {
    expect(before).toContain("/usr/lib/locale");
    expect(after).toBe(before);
  });
  test("8: sets no password that wasn't given, and none that is guessed", async () => {
    const disk = await openGuestDisk(join(folder, "first/test.qcow2"));
    try {
      const shadow = (await disk.read("/etc/shadow"))
        .trim()
        .split("\n")
        .map((line) => line.split(":"));
      expect(shadow.find(([name]) => name === "root")?.[1]).toMatch(/^\$6\$.{60,}/); // it was given
      for (const [name, field] of shadow) if (name !== "root") expect(`${name}:${field}`).toMatch(/:[!*]+$/);
    } finally {
      await disk.close();
    }
  });
});

test.skipIf(process.getuid?.() !== 0)("2: a tool that the host lacks is named before anything is fetched", async () => {
  const [tool] = (await run("sh", ["-c", "command -v mke2fs"])).stdout.trim().split("\n");
  const hide = ["unshare", "--mount", "sh", "-c", `mount --bind /dev/null ${tool} && exec "$@"`, "sh"];
  const empty = join(folder, "empty-cache");
  const args = ["kvm", "debian", ...built.options, "-d", "lacking", "--cache-dir", empty, "-q"];
  const { status, stdout, stderr } = await vmbuilder(args, folder, hide);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/mke2fs is not installed[\s\S]*apt install e2fsprogs/);
  expect([await exists(empty), await exists(join(folder, "lacking"))]).toEqual([false, false]);
});

test("3: a volume that --raw names gets the disk, and no file is made in its place or beside it", async () => {
  const [volume, sizeBytes] = [join(folder, "volume"), 4 * 2 ** 30];
  await writeFile(volume, "");
  await truncate(volume, sizeBytes);
  const machine = await build("kvm", "raw", "--raw", volume);
  expect((await readdir(machine)).sort()).toEqual([".identity.json", "build.json", "manifest", "run.sh"]);
  expect((await stat(volume)).size).toBe(sizeBytes);
  expect(await readFile(join(machine, "run.sh"), "utf8")).toContain(`file="${volume}"`);
  const disk = await openGuestDisk(volume, "raw");
  try {
    expect(await disk.read("/etc/hostname")).toBe("test\n");
  } finally {
    await disk.close();
  }
  const missing = join(folder, "no-volume");
  const refused = await vmbuilder(["kvm", "debian", ...built.options, "-d", "none", "-q", "--raw", missing]);
  expect(refused.status).toBe(2);
  expect([await exists(missing), await exists(join(folder, "none"))]).toEqual([false, false]);
});

test("4: a partition file in the configuration file counts", async () => {
  await writeFile(join(folder, "old.cfg"), "[DEFAULT]\npart = disk.parts\n");
  await writeFile(join(folder, "disk.parts"), "root 1500\nswap 100\n/srv 200\n");
  const source = built.options.slice(built.options.indexOf("--mirror"));
  const { stdout, stderr } = await vmbuilder(["kvm", "debian", "-c", "old.cfg", "--rootpass", "x", "-n", ...source]);
  expect(stderr).toBe("");
  for (const part of ["1500 MiB", "100 MiB", "200 MiB", "/srv"]) expect(stdout).toContain(part);
});

describe("5: the current folder as the result, to be replaced,", () => {
  test("is left alone when it is nobody's machine", async () => {
    const own = join(folder, "precious");
    await mkdir(own);
    await writeFile(join(own, "file"), "");
    for (const dest of [".", own, ".."]) {
      const { status, stderr } = await vmbuilder(["kvm", "debian", ...built.options, "-o", "-d", dest, "-q"], own);
      expect(status).toBe(2);
      expect(stderr).toContain("was not made by vmbuilder, so --overwrite does not touch it");
    }
    expect(await readdir(own)).toEqual(["file"]);
  });
  test("is left alone when it is a machine, too", async () => {
    const machine = join(folder, "first");
    const names = await readdir(machine);
    const { status, stderr } = await vmbuilder(["kvm", "debian", ...built.options, "-o", "-d", ".", "-q"], machine);
    expect(status).toBe(2);
    expect(stderr).toContain("holds the current folder");
    expect(await readdir(machine)).toEqual(names);
  });
});

test("6: a build that fails leaves no process, mount, loop device or file", async () => {
  await writeFile(join(folder, "fails"), "#!/bin/sh\nsleep 1000 &\nexit 1\n");
  const before = await hostState();
  const { status, stderr } = await vmbuilder([
    "kvm",
    "debian",
    ...built.options,
    "-d",
    "failed",
    "--exec",
    "fails",
    "-q",
  ]);
  expect(status).toBe(1);
  expect(stderr).toContain("the script fails ended with status 1");
  expect(await lastingProcesses(folder)).toEqual([]);
  expect(await hostState()).toBe(before);
  expect(await readdir(join(cache, "work"))).toEqual([]);
  expect((await readdir(folder)).filter((name) => name.includes("failed"))).toEqual([]);
});

describe("a machine for kvm", () => {
  let disk: GuestDisk;
  let script: string;
  beforeAll(async () => {
    await writeFile(join(folder, "login"), "#!/bin/sh\ntrue\n");
    const network = ["--ip", "192.168.0.100", "--mask", "255.255.255.0", "--bridge", "br0"];
    const user = ["--user", "admin", "--pass", "p", "--gid", "1600"];
    const machine = await build("kvm", "custom", ...network, ...user, "--firstlogin", "login");
    disk = await openGuestDisk(join(machine, "test.qcow2"));
    script = await readFile(join(machine, "run.sh"), "utf8");
  });
  afterAll(() => disk?.close());

  test("7: may have a user admin", async () => {
    expect(await disk.read("/etc/passwd")).toContain("admin:x:1000:1600:");
  });
  test("9, 20: has the first address of its network as gateway and name server", async () => {
    const network = await disk.read("/etc/systemd/network/70-vmbuilder.network");
    expect(network).toContain("Gateway=192.168.0.1\n");
    expect(network).toContain("DNS=192.168.0.1\n");
  });
  test("10: stands on a bridge of the host when asked to", () => {
    expect(script).toContain("br=br0");
  });
  test("11: has its disk and its network card by virtio", () => {
    expect(script).toContain("if=virtio");
    expect(script).toContain("virtio-net-pci");
  });
  test("13: has its only first-login script, and none of the distribution's files replaced", async () => {
    expect(await disk.exists("/usr/local/lib/vmbuilder/firstlogin.d/01-login")).toBe(true);
    expect(await disk.read("/etc/profile.d/zz-vmbuilder-firstlogin.sh")).toContain("firstlogin.d");
    expect(await disk.exists("/etc/rc.local")).toBe(false);
    expect(await disk.read("/etc/bash.bashrc")).not.toContain("vmbuilder");
  });
  test("19: has its group's number", async () => {
    expect(await disk.read("/etc/group")).toMatch(/^admin:x:1600:/m);
  });
});

test("7: a user with the name of a system's group is refused before anything is fetched", async () => {
  for (const name of ["staff", "sudo", "adm"]) {
    const empty = join(folder, "no-cache");
    const args = [
      "kvm",
      "debian",
      ...built.options,
      "-d",
      "taken",
      "--cache-dir",
      empty,
      "--user",
      name,
      "--pass",
      "p",
    ];
    const { status, stderr } = await vmbuilder(args);
    expect(status).toBe(2);
    expect(stderr).toContain(`"${name}"`);
    expect(await exists(empty)).toBe(false);
  }
});

test("12: a disk for ESXi takes no more room than what is in it", async () => {
  const machine = await build("esxi", "esxi");
  const disks = (await readdir(machine)).filter((name) => name.endsWith("-flat.vmdk"));
  expect(disks).toHaveLength(1);
  const { blocks, size } = await stat(join(machine, String(disks[0])));
  expect(size).toBeGreaterThan(2 * 2 ** 30);
  expect(blocks * 512).toBeLessThan(size / 2);
});

test("19: a machine for VirtualBox has its hardware address and its fixed address", async () => {
  const machine = await build("vbox", "vbox", "--ip", "192.168.0.100/24", "--mac", "52:54:00:00:00:01");
  expect(await readFile(join(machine, "test.vbox"), "utf8")).toMatch(/MACAddress="525400000001"/);
  const disk = await openGuestDisk(join(machine, "test.vdi"), "vdi");
  try {
    expect(await disk.read("/etc/systemd/network/70-vmbuilder.network")).toContain("192.168.0.100/24");
  } finally {
    await disk.close();
  }
});
