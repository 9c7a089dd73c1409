import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planStorage, type StorageRequest } from "../../src/model/storage-plan.ts";
import { newDiskIds } from "../../src/stages/identity.ts";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { identityPatches } from "../../src/system/partition-table.ts";
import { writeOverlay } from "../../src/system/qcow2-overlay.ts";
import { inspectRawTarget, writeRawTarget } from "../../src/system/raw-target.ts";
import { run } from "../fixtures/vmbuilder.ts";

const MIB = 1024 * 1024;
const ROOT = join(import.meta.dirname, "../..");
const signal = new AbortController().signal;
/** Root alone may use loop devices, and a container may have none. */
const hasLoops = userInfo().uid === 0 && (await run("losetup", ["--find"])).status === 0;
const request: StorageRequest = { rootSizeBytes: 256 * MIB, swapSizeBytes: MIB, architecture: "amd64" };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-raw-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A disk with a little data, as a qcow2 over a raw base, and its bytes. */
async function makeDisk(name: string, label: "gpt" | "msdos") {
  const plan = planStorage({ ...request, label });
  const ids = newDiskIds(plan);
  const [base, overlay, whole] = [
    join(folder, `${name}.base`),
    join(folder, `${name}.qcow2`),
    join(folder, `${name}.raw`),
  ];
  await makeSparseFile(base, plan.sizeBytes);
  await patchRaw(base, [{ offsetBytes: 100 * MIB + 5, bytes: Buffer.from("data of the disk") }]);
  await writeOverlay({ path: base, format: "raw" }, overlay, plan.sizeBytes, identityPatches(plan, ids));
  await run("qemu-img", ["convert", "-O", "raw", overlay, whole]);
  return { plan, ids, overlay, whole };
}

/** A file that is full of something else. */
async function makeFull(name: string, sizeBytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Buffer.alloc(sizeBytes, 0xa5));
  return path;
}

async function isZero(path: string, offsetBytes: number, sizeBytes: number): Promise<boolean> {
  const file = await open(path, "r");
  const { buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offsetBytes);
  await file.close();
  return buffer.every((byte) => byte === 0);
}

describe("writeRawTarget", () => {
  it.each(["gpt", "msdos"] as const)("leaves nothing of what a file held (%s)", async (label) => {
    const { plan, ids, overlay, whole } = await makeDisk(`same-${label}`, label);
    const target = await makeFull(`target-${label}`, plan.sizeBytes);
    await writeRawTarget(overlay, target, plan, ids, signal);
    expect(await run("cmp", [whole, target])).toMatchObject({ status: 0, stdout: "" });
  });

  it.each(["gpt", "msdos"] as const)("brings the table to the end of a larger one (%s)", async (label) => {
    const { plan, ids, overlay } = await makeDisk(`larger-${label}`, label);
    const target = await makeFull(`larger-target-${label}`, plan.sizeBytes + 5 * MIB + 512);
    await writeRawTarget(overlay, target, plan, ids, signal);
    const verified = await run("sfdisk", ["--verify", target]);
    expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining("No errors detected") });
    expect(verified.stderr).toBe("");
    expect(await isZero(target, plan.sizeBytes - MIB / 2, MIB / 2)).toBe(true);
    if (label === "msdos") expect(await isZero(target, plan.sizeBytes + 4 * MIB + 512, MIB)).toBe(true);
  });

  it.skipIf(!hasLoops)(
    "writes to a device, as root and as a user who may, and refuses it while it is mounted",
    async () => {
      const { plan, ids, overlay, whole } = await makeDisk("device", "gpt");
      const file = await makeFull("behind", plan.sizeBytes);
      const { stdout } = await run("losetup", ["--find", "--show", "--partscan", file]);
      const device = stdout.trim();
      expect(device).toMatch(/^\/dev\/loop/);
      const mountPoint = join(folder, "mnt");
      await mkdir(mountPoint);
      try {
        await run("mkfs.ext4", ["-q", "-F", device]);
        expect(await run("mount", [device, mountPoint])).toMatchObject({ status: 0 });
        await expect(inspectRawTarget(device, plan.sizeBytes)).rejects.toMatchObject({
          code: "raw-unusable",
          message: expect.stringContaining(`mounted at ${mountPoint}`),
        });
        await run("umount", [mountPoint]);
        expect(await inspectRawTarget(device, plan.sizeBytes)).toMatchObject({
          sizeBytes: plan.sizeBytes,
          holdsData: true,
        });
        await writeRawTarget(overlay, device, plan, ids, signal);
        expect(await run("cmp", [whole, device])).toMatchObject({ status: 0, stdout: "" });

        await run("dd", ["if=/dev/urandom", `of=${device}`, "bs=1M", "status=none"]);
        await run("chmod", ["666", device]);
        await run("chmod", ["755", folder, join(folder, "device.base")]);
        const program = `
        import { writeRawTarget } from "${ROOT}/src/system/raw-target.ts";
        const [overlay, device, plan, ids] = process.argv.slice(1);
        await writeRawTarget(overlay, device, JSON.parse(plan), JSON.parse(ids), new AbortController().signal);
      `;
        const node = [
          process.execPath,
          "--input-type=module",
          "-e",
          program,
          overlay,
          device,
          JSON.stringify(plan),
          JSON.stringify(ids),
        ];
        const user = await run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", ...node]);
        expect(user).toMatchObject({ status: 0, stderr: "" });
        expect(await run("cmp", [whole, device])).toMatchObject({ status: 0, stdout: "" });
      } finally {
        await run("chmod", ["660", device]);
        await run("umount", ["--quiet", mountPoint]);
        await run("losetup", ["--detach", device]);
      }
    },
  );
});

describe("inspectRawTarget", () => {
  it("refuses what isn't there, what is too small, and what is no disk", async () => {
    const small = join(folder, "small");
    await writeFile(small, "");
    await truncate(small, MIB);
    await expect(inspectRawTarget(join(folder, "none"), MIB)).rejects.toMatchObject({
      code: "raw-unusable",
      hint: expect.stringContaining("truncate -s 1M"),
    });
    await expect(inspectRawTarget(small, 2 * MIB)).rejects.toThrow("has 1 MiB, the disk needs 2 MiB");
    await expect(inspectRawTarget(folder, MIB)).rejects.toThrow("neither a file nor a block device");
    await expect(inspectRawTarget("/dev/null", MIB)).rejects.toThrow("neither a file nor a block device");
    expect(await readFile(small)).toHaveLength(MIB);
    expect(await inspectRawTarget(small, MIB)).toMatchObject({ holdsData: false });
  });

  it.skipIf(!hasLoops)("refuses a file behind a loop device", async () => {
    const file = await makeFull("looped", MIB);
    const device = (await run("losetup", ["--find", "--show", file])).stdout.trim();
    try {
      await expect(inspectRawTarget(file, MIB)).rejects.toThrow(`it is behind ${device}`);
    } finally {
      await run("losetup", ["--detach", device]);
    }
  });
});
