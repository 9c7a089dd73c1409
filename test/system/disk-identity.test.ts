import { access, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FileEdit } from "../../src/model/file-edit.ts";
import { type DiskPlan, partitionOf, planStorage, SECTOR_BYTES } from "../../src/model/storage-plan.ts";
import { newDiskIds } from "../../src/stages/identity.ts";
import { writeDiskIdentity } from "../../src/system/disk-identity.ts";
import { makeSparseFile } from "../../src/system/disk-image.ts";
import { makeExt4 } from "../../src/system/ext4.ts";
import { readStructure, STRUCTURE_MEMBER, takeStructure } from "../../src/system/ext4-structure.ts";
import { readUndoFile } from "../../src/system/undo-file.ts";
import { run } from "../fixtures/vmbuilder.ts";

const signal = new AbortController().signal;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-identity-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const large = "0123456789abcdef".repeat(40_000); // many blocks, so that undo files have more than one block of keys
const EDITS: readonly FileEdit[] = [
  { kind: "file", path: "/etc/hostname", content: "new name\n", mode: 0o644 },
  { kind: "file", path: "/etc/shadow", content: "secret\n", mode: 0o640, uid: 0, gid: 42 },
  { kind: "directory", path: "/home", mode: 0o755 },
  { kind: "directory", path: "/home/me", mode: 0o700, uid: 1000, gid: 1000 },
  { kind: "file", path: "/home/me/large", content: large, mode: 0o600, uid: 1000, gid: 1000 },
  { kind: "symlink", path: "/etc/localtime", target: "/usr/share/zoneinfo/UTC" },
  { kind: "remove", path: "/etc/gone" },
];

/** A disk whose root holds a tree, and the structure of that file system. */
async function makeBase(folder: string, plan: DiskPlan, tree: string) {
  const root = partitionOf(plan, "root");
  const extent = { offsetBytes: root.startSector * SECTOR_BYTES, sizeBytes: root.sizeSectors * SECTOR_BYTES };
  const raw = join(folder, "disk.raw");
  await makeSparseFile(raw, plan.sizeBytes);
  await makeExt4(raw, extent, "c9657d34-8ea3-4b7e-89a1-e500914ca844", tree, "summed", signal);
  const structure = { archive: join(folder, "structure.tar"), ready: join(folder, "structure.ready") };
  await (await readStructure(raw, extent, structure, signal)).packed();
  return { raw, extent, structure };
}

it.each(["512M", "300M"])("writes ids and files into an overlay of a disk with a root of %s", async (size) => {
  const folder = join(directory, size);
  const [tree, scratch] = [join(folder, "tree"), join(folder, "scratch")];
  await mkdir(scratch, { recursive: true });
  await run("sh", [
    "-c",
    `mkdir -p ${tree}/etc && cd ${tree}/etc && echo old >hostname && echo x >gone && echo kept >kept`,
  ]);
  const plan = planStorage({
    rootSizeBytes: Number.parseInt(size, 10) * 2 ** 20,
    swapSizeBytes: 2 ** 24,
    architecture: "amd64",
  });
  const { raw, extent, structure } = await makeBase(folder, plan, tree);
  const ids = newDiskIds(plan);
  const overlay = join(folder, "overlay.qcow2");
  const base = { path: raw, format: "raw" } as const;
  await writeDiskIdentity(
    {
      ...{ base, overlay, plan, ids, atSeconds: 1_700_000_000 },
      fileSystems: [{ structure, place: partitionOf(plan, "root"), uuid: ids.rootUuid, edits: EDITS, scratch }],
    },
    signal,
  );

  // What lies ready for the next machine is what the archive holds.
  const fresh = join(folder, "fresh");
  await mkdir(fresh);
  await takeStructure({ archive: structure.archive, ready: join(folder, "none") }, fresh, signal);
  await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", structure.ready, join(fresh, STRUCTURE_MEMBER)]);

  const machine = join(folder, "machine.raw");
  await run("qemu-img", ["convert", "-O", "raw", overlay, machine]);
  const fileSystem = join(folder, "root.ext4");
  await run("dd", [
    `if=${machine}`,
    `of=${fileSystem}`,
    "bs=1M",
    "conv=sparse",
    `skip=${extent.offsetBytes / 2 ** 20}`,
    "status=none",
  ]);
  await run("truncate", ["-s", String(extent.sizeBytes), fileSystem]);
  await run("e2fsck", ["-fn", fileSystem]);
  const inside = async (command: string) => (await run("debugfs", ["-R", command, fileSystem])).stdout;
  expect(await inside("cat /etc/hostname")).toBe("new name\n");
  expect(await inside("cat /etc/kept")).toBe("kept\n");
  expect(await inside("cat /home/me/large")).toBe(large);
  expect(await inside("stat /etc/shadow")).toMatch(/Mode: {2}0640[\s\S]*User: +0 +Group: +42[\s\S]*mtime: 0x6553f100/);
  expect(await inside("stat /home/me")).toMatch(/Type: directory +Mode: {2}0700[\s\S]*User: +1000 +Group: +1000/);
  expect(await inside("stat /etc/localtime")).toContain("/usr/share/zoneinfo/UTC");
  expect(await inside("ls -p /etc")).not.toContain("/gone/");
  expect(await inside("stats")).toContain(ids.rootUuid);
  expect((await run("sfdisk", ["--json", machine])).stdout).toContain(ids.diskGuid.toUpperCase());
});

it("says so when the files do not fit, and leaves no image", async () => {
  const folder = join(directory, "full");
  const [tree, scratch] = [join(folder, "tree"), join(folder, "scratch")];
  await mkdir(scratch, { recursive: true });
  await mkdir(tree);
  const plan = planStorage({ rootSizeBytes: 256 * 2 ** 20, swapSizeBytes: 0, architecture: "amd64" });
  const { raw, structure } = await makeBase(folder, plan, tree);
  const copies = Array.from({ length: 20 }, (_, i): FileEdit => {
    return { kind: "file", path: `/large-${i}`, content: "x".repeat(16 * 2 ** 20), mode: 0o644 };
  });
  const overlay = join(folder, "overlay.qcow2");
  const ids = newDiskIds(plan);
  const partition = partitionOf(plan, "root");
  const fileSystems = [{ structure, place: partition, uuid: ids.rootUuid, edits: copies, scratch }];
  const identity = { overlay, plan, ids, fileSystems, atSeconds: 1 };
  await expect(writeDiskIdentity({ base: { path: raw, format: "raw" }, ...identity }, signal)).rejects.toMatchObject({
    code: "tree-too-large",
  });
  await expect(access(overlay)).rejects.toThrow();
});

it("finds every block that was written", async () => {
  const file = join(directory, "plain.ext4");
  await makeSparseFile(file, 64 * 2 ** 20);
  await run("mke2fs", ["-q", "-F", "-t", "ext4", file]);
  const before = await readFile(file);
  const source = join(directory, "source");
  await run("sh", ["-c", `head -c 3000000 /dev/urandom >${source}`]);
  const undo = join(directory, "plain.undo");
  await run("debugfs", ["-w", "-z", undo, "-R", `write ${source} copy`, file]);
  const after = await readFile(file);
  const rebuilt = Buffer.from(before);
  for (const { offsetBytes, former } of await readUndoFile(undo)) {
    expect(former.equals(before.subarray(offsetBytes, offsetBytes + former.length))).toBe(true);
    after.copy(rebuilt, offsetBytes, offsetBytes, offsetBytes + former.length);
  }
  expect(rebuilt.equals(after)).toBe(true);
});

it("refuses what is no undo file", async () => {
  const file = join(directory, "no.undo");
  await makeSparseFile(file, 8192);
  await expect(readUndoFile(file)).rejects.toMatchObject({ code: "command-failed" });
});
