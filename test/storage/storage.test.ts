import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { run } from "../fixtures/vmbuilder.ts";

const MIB = 1024 * 1024;
const PASSPHRASE = "a long passphrase";
const SIZES = ["--rootsize", "2G", "--swapsize", "128M"];

/** A layout, and what a machine of it must say of itself. */
interface Layout {
  readonly name: string;
  readonly options?: readonly string[];
  /** Its disks, instead of sizes. */
  readonly disks?: string;
  readonly isEncrypted?: boolean;
  /** Mount points with their file systems, without the EFI partition's. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Mount point of what ends a disk, and so grows; root also ends the first. */
  readonly alsoGrows?: string;
  readonly swaps: number;
}

const XFS_ROOT = { "/": "xfs", "/boot": "ext4" };
const LAYOUTS: readonly Layout[] = [
  { name: "ext4", options: [...SIZES, "--optsize", "100M"], mounts: { "/": "ext4", "/opt": "ext4" }, swaps: 1 },
  { name: "msdos", options: [...SIZES, "--label", "msdos", "--firmware", "uefi"], mounts: { "/": "ext4" }, swaps: 1 },
  { name: "xfs", options: [...SIZES, "--fs", "xfs"], mounts: XFS_ROOT, swaps: 1 },
  { name: "xfs-uefi", options: [...SIZES, "--fs", "xfs", "--firmware", "uefi"], mounts: XFS_ROOT, swaps: 1 },
  { name: "btrfs", options: [...SIZES, "--fs", "btrfs"], mounts: { "/": "btrfs", "/boot": "ext4" }, swaps: 1 },
  {
    name: "subvolumes",
    options: ["--firmware", "uefi"],
    disks: `
  - partitions:
      - {size: 256M, mount: /boot}
      - {size: 2G, fs: btrfs, subvolumes: [{name: "@", mount: /}, {name: "@home", mount: /home, options: [nodev]}]}`,
    mounts: { "/": "btrfs", "/home": "btrfs", "/boot": "ext4" },
    swaps: 0,
  },
  { name: "lvm", options: [...SIZES, "--lvm", "--fs", "xfs"], mounts: XFS_ROOT, swaps: 1 },
  {
    name: "lvm-msdos",
    options: [...SIZES, "--lvm", "--label", "msdos"],
    mounts: { "/": "ext4", "/boot": "ext4" },
    swaps: 1,
  },
  { name: "luks", options: SIZES, isEncrypted: true, mounts: { "/": "ext4", "/boot": "ext4" }, swaps: 1 },
  {
    name: "luks-alone",
    options: ["--firmware", "uefi"],
    disks: `
  - partitions:
      - {size: 256M, mount: /boot}
      - {size: 2G, mount: /, luks: {name: secrets}}
  - partitions:
      - {size: 400M, mount: /srv, fs: xfs}`,
    isEncrypted: true,
    mounts: { "/": "ext4", "/boot": "ext4", "/srv": "xfs" },
    alsoGrows: "/srv",
    swaps: 0,
  },
];

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
  await writeFile(join(workshop.directory, "passphrase"), `${PASSPHRASE}\n`);
  await writeFile(join(workshop.directory, "list"), "content /srv/content 0640 joe:adm\n");
  await writeFile(join(workshop.directory, "content"), "content");
});
afterAll(() => workshop?.close());

async function build({ name, options = [], disks, isEncrypted }: Layout): Promise<string> {
  const recipe = join(workshop.directory, `${name}.yaml`);
  await writeFile(recipe, disks === undefined ? "{}\n" : `disks:${disks}\n`);
  const secret = isEncrypted ? ["--luks-pass-file", join(workshop.directory, "passphrase")] : [];
  const personal = ["--user", "joe", "--copy", join(workshop.directory, "list")];
  return workshop.build(name, recipe, "--variant", "minbase", ...personal, ...options, ...secret);
}

describe.each(LAYOUTS)("$name", (layout) => {
  const { name, mounts, alsoGrows, swaps, isEncrypted } = layout;
  let machine: BootedMachine;
  beforeAll(async () => {
    const directory = await build(layout);
    for (const suffix of alsoGrows ? ["", "-2"] : [""])
      await run("qemu-img", ["resize", join(directory, `${name}${suffix}.qcow2`), "+1G"]);
    machine = await bootMachine({
      image: join(directory, `${name}.qcow2`),
      startScript: join(directory, "run.sh"),
      key: workshop.key,
      ...(isEncrypted ? { passphrase: PASSPHRASE } : {}),
      deadlineMs: 600_000,
    });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  test("runs without a failed unit", async () => {
    expect(await machine.inside("systemctl is-system-running --wait || systemctl --failed --no-legend")).toBe(
      "running",
    );
  });
  test("has all its mounts, of which the last of each disk has grown, and its swap", async () => {
    const rows = (await machine.inside("findmnt --real --bytes --noheadings --list -o TARGET,FSTYPE,SIZE")).split("\n");
    const found = rows.map((row) => row.split(/\s+/));
    expect(Object.fromEntries(found.map(([at, fs]) => [at, fs]))).toEqual(mounts);
    const sizeOf = (mount: string) => Number(found.find(([at]) => at === mount)?.[2]);
    expect(sizeOf("/")).toBeGreaterThan(2500 * MIB);
    if (alsoGrows) expect(sizeOf(alsoGrows)).toBeGreaterThan(1200 * MIB);
    expect((await machine.inside("swapon --noheadings --show=NAME | wc -l")).trim()).toBe(String(swaps));
  });
  test("has its files, with owners and modes", async () => {
    const stated = await machine.inside("stat -c '%a %U:%G' /srv/content /home/joe /tmp");
    expect(stated.split("\n")).toEqual(["640 joe:adm", "700 joe:joe", "1777 root:root"]);
    expect(await machine.inside("cat /srv/content /etc/hostname")).toBe(`content${name}`);
    expect(await machine.inside("dpkg --verify | grep -v ' c ' | head")).toBe("");
  });
  test("is named by its UUIDs, and makes an initramfs that opens it", async () => {
    expect(await machine.inside("grep -v ^# /etc/fstab | grep -vc ^UUID= || true")).toBe("0");
    if (!isEncrypted) return;
    expect(await machine.inside("lsblk -no TYPE | grep -c crypt")).toBe("1");
    const list =
      "update-initramfs -u >/dev/null && unmkinitramfs /boot/initrd.img-* /run/i && cat /run/i/cryptroot/crypttab /run/i/main/cryptroot/crypttab 2>/dev/null";
    expect(await machine.inside(`${list} || true`)).toMatch(/UUID=[0-9a-f-]{36} none luks/);
  });
});

test("a raw target of another size boots, and has grown", async () => {
  const target = join(workshop.directory, "target.raw");
  await writeFile(target, "");
  await truncate(target, 5 * 1024 * MIB);
  const directory = await workshop.build("raw", "--variant", "minbase", ...SIZES, "--raw", target, "--yes");
  const machine = await bootMachine({ image: target, startScript: join(directory, "run.sh"), key: workshop.key });
  try {
    await machine.waitForSsh();
    expect(Number(await machine.inside("findmnt --bytes -no SIZE /"))).toBeGreaterThan(4000 * MIB);
  } finally {
    await machine.stop();
  }
});
