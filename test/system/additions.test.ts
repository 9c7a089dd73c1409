import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuiltCache, builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

const GROWS = "Write what is new into the disk";
const POSTINST = `#!/bin/sh
set -e
mkdir -p /var/lib/mine
chown 250:250 /var/lib/mine
echo made >/var/lib/mine/state
rm -rf /usr/share/doc/bash
`;

let built: BuiltCache;
let folder: string;
let debs: Record<"mine" | "other" | "large", string>;
beforeAll(async () => {
  built = await builtCache();
  folder = await makeBuildFolder("vmb-additions-");
  await built.copyTo(join(folder, "cache"), "disk");
  const [mine, other, large] = await Promise.all([
    makeDeb(folder, { name: "mine", files: { "/usr/bin/mine": "#!/bin/sh\n" }, scripts: { postinst: POSTINST } }),
    makeDeb(folder, {
      name: "other",
      files: { "/usr/share/other/file": "other\n", "/usr/bin/other": { link: "mine" } },
    }),
    makeDeb(folder, { name: "large", files: { "/usr/share/large": { bytes: Buffer.alloc(40e6, "large") } } }),
  ]);
  debs = { mine, other, large };
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Builds a machine, and returns the titles of the steps that were gone through. */
async function build(name: string, packages: readonly string[], cache = "cache", more: readonly string[] = []) {
  const places = ["--dest", join(folder, name), "--cache-dir", join(folder, cache), "--json"];
  const given = ["--identity-seed", "one", ...packages.flatMap((path) => ["--addpkg", path]), ...more];
  const { status, stdout, stderr } = await vmbuilder(["build", ...built.options, ...given, ...places]);
  if (status !== 0) throw new Error(stderr);
  expect(await readdir(join(folder, cache, "work"))).toEqual([]);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; title?: string });
  return events.flatMap(({ type, title }) => (type === "started" && title !== undefined ? [title] : []));
}

/** What two machines differ in, but for what chance makes. */
async function differences(one: string, other: string): Promise<string[]> {
  const { status, stdout, stderr } = await vmbuilder(["diff", join(folder, one), join(folder, other)]);
  if (status === 2) throw new Error(stderr);
  return stdout.split("\n").filter((line) => line !== "" && !/initrd\.img|files together/.test(line));
}

async function expectSound(name: string): Promise<void> {
  const [image, root] = [join(folder, name, "test.qcow2"), join(folder, "root.ext4")];
  expect((await run("qemu-img", ["check", "-q", image])).status).toBe(0);
  const raw = join(folder, "disk.raw");
  await run("qemu-img", ["convert", "-O", "raw", image, raw]);
  const { stdout } = await run("sfdisk", ["--json", raw]);
  const { partitions } = (
    JSON.parse(stdout) as { partitiontable: { partitions: { start: number; size: number; node: string }[] } }
  ).partitiontable;
  const first = partitions.find(({ node }) => node.endsWith("1") && !node.endsWith("11"));
  await run("dd", [
    `if=${raw}`,
    `of=${root}`,
    "bs=1M",
    "iflag=skip_bytes,count_bytes",
    `skip=${Number(first?.start) * 512}`,
    `count=${Number(first?.size) * 512}`,
    "conv=sparse",
    "status=none",
  ]);
  expect(await run("e2fsck", ["-fn", root])).toMatchObject({
    status: 0,
    stdout: expect.not.stringMatching(/\? no|WARNING/),
  });
  await Promise.all([raw, root].map((path) => rm(path)));
}

const images = async () => {
  const disks = join(folder, "cache/objects/disk");
  return new Set(
    await Promise.all((await readdir(disks)).map(async (key) => (await stat(join(disks, key, "disk.qcow2"))).ino)),
  );
};

test("a package more is written into the disk of the system without it, and the machine is the same as one made anew", async () => {
  expect(await build("grown", [debs.mine])).toContain(GROWS);
  await built.copyTo(join(folder, "empty"), "packages");
  expect(await build("anew", [debs.mine], "empty")).not.toContain(GROWS);
  expect(await differences("anew", "grown")).toEqual([]);
  await expectSound("grown");
  expect((await images()).size).toBe(1); // the cache holds what is new alone
});

test("so is another upon that, and each is found again", async () => {
  expect(await build("twice", [debs.mine, debs.other])).toContain(GROWS);
  await expectSound("twice");
  const { stdout } = await vmbuilder(["diff", join(folder, "grown"), join(folder, "twice")]);
  expect(stdout).toContain("+ /usr/share/other/file");
  expect(await build("found", [debs.mine, debs.other])).not.toContain("Install packages");
  expect(await differences("twice", "found")).toEqual([]);
  expect((await images()).size).toBe(1);
  expect((await vmbuilder(["cache", "verify", "--cache-dir", join(folder, "cache")])).status).toBe(0);
});

test("a clone of such a machine has all of it, also when the system that it grew from has left the cache", async () => {
  const old = join(folder, "cache/objects/disk");
  for (const key of await readdir(old))
    if (!(await readdir(join(old, key))).includes("growth.qcow2")) await rm(join(old, key), { recursive: true });
  const clone = ["clone", join(folder, "twice"), "--hostname", "copy", "--dest", join(folder, "copy")];
  expect(await vmbuilder([...clone, "--cache-dir", join(folder, "cache"), "-q"])).toMatchObject({
    status: 0,
    stderr: "",
  });
  await run("qemu-img", ["convert", "-O", "qcow2", join(folder, "copy/copy.qcow2"), join(folder, "copy.qcow2")]);
  const changed = (await differences("twice", "copy.qcow2")).map((line) => line.split(" ")[1]);
  expect(changed.sort()).toEqual(["/boot/grub/grub.cfg", "/etc/fstab", "/etc/hostname", "/etc/hosts"]);
});

test("a disk of another size is made anew, of the kept system", async () => {
  const steps = await build("wider", [debs.mine], "cache", ["--rootsize", "3G"]);
  expect(steps).toContain("Open the cached system");
  expect(steps).not.toContain("Configure packages");
  expect(steps).not.toContain(GROWS);
  expect(await differences("grown", "wider")).toEqual([]);
});

test("what is much is not written there: the disk is made anew", async () => {
  const before = (await images()).size;
  await build("large", [debs.large]);
  expect((await vmbuilder(["diff", join(folder, "found"), join(folder, "large")])).stdout).toContain(
    "+ /usr/share/large",
  );
  await expectSound("large");
  expect((await images()).size).toBe(before + 1);
});
