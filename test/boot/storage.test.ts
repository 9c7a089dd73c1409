import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

const RECIPE = `
label: msdos
user: joe
copy: files
disks:
  - partitions:
      - {mount: /, size: 2500M}
      - {fs: swap, size: 100M}
      - {mount: /opt, size: 100M, options: [nodev]}
      - {mount: /boot, size: 256M}
      - {mount: /home, size: 100M}
  - partitions:
      - {fs: swap, size: 64M}
      - {mount: /srv, size: 100M}
      - {mount: /srv/data, size: 100M}
`;
const FILES = `file /opt/tool/file 0640 joe:adm\nfile /srv/data/file\nfile /srv/file\n`;
const MIB = 1024 * 1024;

let workshop: Workshop;
let directory: string;
beforeAll(async () => {
  workshop = await openWorkshop();
  await writeFile(join(workshop.directory, "recipe.yaml"), RECIPE);
  await writeFile(join(workshop.directory, "files"), FILES);
  await writeFile(join(workshop.directory, "file"), "content");
  directory = await workshop.build("disks", join(workshop.directory, "recipe.yaml"));
});
afterAll(() => workshop?.close());

/** UUIDs and disk ids of all that is on a machine's disks. */
async function idsOf(folder: string, hostname: string): Promise<string[]> {
  const texts: string[] = [];
  for (const suffix of ["", "-2"]) {
    const raw = join(workshop.directory, `${hostname}${suffix}.raw`);
    await run("qemu-img", ["convert", "-O", "raw", join(folder, `${hostname}${suffix}.qcow2`), raw]);
    const { stdout } = await run("sfdisk", ["--json", raw]);
    const { partitiontable } = JSON.parse(stdout) as {
      partitiontable: { id: string; partitions: { start: number }[] };
    };
    texts.push(partitiontable.id);
    for (const { start } of partitiontable.partitions) {
      const { stdout: uuid } = await run("blkid", ["-p", "-O", String(start * 512), "-s", "UUID", "-o", "value", raw]);
      if (uuid.trim() !== "") texts.push(uuid.trim());
    }
  }
  return texts;
}

describe("a machine of two msdos disks that were made larger, at its first boot", () => {
  let machine: BootedMachine;
  beforeAll(async () => {
    for (const suffix of ["", "-2"]) await run("qemu-img", ["resize", join(directory, `disks${suffix}.qcow2`), "+1G"]);
    const startScript = join(directory, "run.sh");
    machine = await bootMachine({ image: join(directory, "disks.qcow2"), startScript, key: workshop.key });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  const inside = (command: string) => machine.inside(command);

  test("has all its mounts, of which the last of each disk have grown", async () => {
    await inside("systemctl is-system-running --wait");
    const rows = (await inside("findmnt --real --bytes --noheadings --list -o TARGET,SOURCE,SIZE")).split("\n");
    const mounts = new Map(
      rows.map((row) => row.split(/\s+/)).map(([at, from, size]) => [at, { from, size: Number(size) }]),
    );
    expect(Object.fromEntries([...mounts].map(([at, { from }]) => [at, from]))).toEqual({
      "/": "/dev/vda1",
      "/boot": "/dev/vda6",
      "/home": "/dev/vda7",
      "/opt": "/dev/vda5",
      "/srv": "/dev/vdb2",
      "/srv/data": "/dev/vdb3",
    });
    expect(mounts.get("/")?.size).toBeGreaterThan(3000 * MIB);
    expect(mounts.get("/srv/data")?.size).toBeGreaterThan(900 * MIB);
    expect(mounts.get("/srv")?.size).toBeLessThan(100 * MIB);
    expect(await inside("findmnt -no OPTIONS /opt")).toContain("nodev");
  });
  test("swaps to both disks", async () => {
    expect(await inside("swapon --noheadings --show=NAME | sort | tr '\\n' ' '")).toBe("/dev/vda2 /dev/vdb1");
  });
  test("has its files in their own file systems, with their owners, and not in root's", async () => {
    expect(await inside("stat -c '%m %a %U:%G' /opt/tool/file /srv/data/file /srv/file /home/joe")).toBe(
      "/opt 640 joe:adm\n/srv/data 644 root:root\n/srv 644 root:root\n/home 700 joe:joe",
    );
    expect(await inside("mount --bind / /mnt && ls -A /mnt/opt /mnt/boot /mnt/home /mnt/srv && umount /mnt")).toBe(
      "/mnt/boot:\n\n/mnt/home:\n\n/mnt/opt:\n\n/mnt/srv:",
    );
  });
});

test("a clone has thin disks, each with ids of its own", async () => {
  const clone = join(workshop.directory, "copy");
  const cache = ["--cache-dir", join(TEST_CACHE, "boot")];
  const { status, stderr } = await vmbuilder(["clone", directory, "--hostname", "copy", "--dest", clone, ...cache]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const [own, others] = [await idsOf(directory, "disks"), await idsOf(clone, "copy")];
  expect(own).toHaveLength(2 + 6 + 3); // tables, volumes of the first disk with the EFI partition, of the second
  expect(new Set([...own, ...others]).size).toBe(2 * own.length);
  const record = JSON.parse(await readFile(join(clone, "build.json"), "utf8")) as { disks: { name: string }[][] };
  expect(record.disks.map((list) => list.map(({ name }) => name))).toEqual([["copy.qcow2", "copy-2.qcow2"]]);
});
