import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { type BaseImage, hashImage, PART_OFFSET_BYTES, settleImage } from "../../src/system/qcow2-base.ts";
import { copyImage } from "../../src/system/qcow2-image.ts";
import { writeOverlay } from "../../src/system/qcow2-overlay.ts";
import { run } from "../fixtures/vmbuilder.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const { signal } = new AbortController();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-image-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A disk with something in its first MiB, more than one piece in its middle, and at its very end. */
async function makeBase(sizeBytes: number, part?: { offsetBytes: number; sizeBytes: number }) {
  const raw = join(directory, `${sizeBytes}.raw`);
  const content = [
    { offsetBytes: 4096, bytes: randomBytes(200_000) },
    { offsetBytes: Math.floor(sizeBytes / 2), bytes: randomBytes(sizeBytes > GIB ? 3 * MIB : 1000) },
    { offsetBytes: sizeBytes - 512, bytes: randomBytes(512) },
  ];
  await makeSparseFile(raw, sizeBytes);
  await patchRaw(raw, content);
  const path = join(directory, `${sizeBytes}.qcow2`);
  const twin = `${path}.twin`;
  const rest = join(directory, `${sizeBytes}.rest`);
  await makeSparseFile(rest, sizeBytes);
  await makeSparseFile(path, part ? PART_OFFSET_BYTES + part.sizeBytes : 0);
  for (const patch of content) {
    const at = patch.offsetBytes - (part?.offsetBytes ?? 0);
    const isInPart = part !== undefined && at >= 0 && at < part.sizeBytes;
    await patchRaw(isInPart ? path : rest, [
      { ...patch, offsetBytes: isInPart ? PART_OFFSET_BYTES + at : patch.offsetBytes },
    ]);
  }
  await settleImage(path, sizeBytes, rest, part?.offsetBytes, signal);
  return { raw, sizeBytes, image: await hashImage(path, twin, signal) };
}

function makeChanges(sizeBytes: number) {
  return [
    { offsetBytes: 5000, bytes: randomBytes(100_000) },
    { offsetBytes: Math.floor(sizeBytes / 4), bytes: randomBytes(512) }, // where the base is empty
    { offsetBytes: sizeBytes - 1024, bytes: randomBytes(1024) },
  ];
}

describe.each([MIB, 5 * GIB + 512, 1024 * GIB])("a disk of %d bytes", (sizeBytes) => {
  it("becomes an image of the same content", async () => {
    const { raw, image } = await makeBase(sizeBytes);
    await checkImage(image.path, image.sha256, raw);
  });

  it("becomes one of which a part was written in its place", async () => {
    const cluster = 65536;
    const middle = Math.floor(sizeBytes / 2 / cluster) * cluster;
    const toEnd = Math.floor((sizeBytes - middle) / cluster) * cluster;
    for (const part of [
      { offsetBytes: 0, sizeBytes: Math.min(MIB, sizeBytes) },
      { offsetBytes: middle, sizeBytes: toEnd },
      { offsetBytes: Math.max(0, middle - GIB), sizeBytes: sizeBytes > 4 * GIB ? 2 * GIB : middle },
    ]) {
      const { raw, image } = await makeBase(sizeBytes, part);
      await checkImage(image.path, image.sha256, raw);
      await Promise.all([image.path, `${image.path}.twin`].map((path) => rm(path)));
    }
  });

  it.each(["with a twin", "known", "to be verified"])(
    "is copied with what an overlay changes, the base being %s",
    async (state) => {
      const { raw, image } = await makeBase(sizeBytes);
      const { twin, ...known } = image;
      const unverified = { path: known.path, sha256: known.sha256 };
      const base: BaseImage = state === "with a twin" ? image : state === "known" ? known : unverified;
      const content = makeChanges(sizeBytes);
      const overlay = join(directory, "overlay.qcow2");
      await writeOverlay({ path: image.path, format: "qcow2" }, overlay, sizeBytes, content);
      const copy = join(directory, "copy.qcow2");
      const sha256 = await copyImage(base, overlay, copy, signal);
      expect(existsSync(twin ?? "")).toBe(base.twin === undefined);
      await patchRaw(raw, content);
      await checkImage(copy, sha256, raw);
      await run("qemu-io", ["-f", "qcow2", "-c", `write -P 7 ${sizeBytes - 65536} 4096`, copy]);
      await run("qemu-img", ["check", "-q", copy]);
    },
  );
});

it("counts the clusters of more than one block of refcounts", async () => {
  const [raw, path] = [join(directory, "large.raw"), join(directory, "large.qcow2")];
  const sizeBytes = 8 * GIB;
  await makeSparseFile(raw, sizeBytes);
  await makeSparseFile(path, PART_OFFSET_BYTES + sizeBytes);
  const offsets = Array.from({ length: 2 * 16384 + 1000 }, (_, cluster) => PART_OFFSET_BYTES + cluster * 65536); // 2 GiB and some
  await patchRaw(
    path,
    offsets.map((offsetBytes) => ({ offsetBytes, bytes: Buffer.alloc(512, 1) })),
  );
  await settleImage(path, sizeBytes, raw, 0, signal);
  await run("qemu-img", ["check", "-q", path]);
}, 60_000);

describe("refuses a damaged base:", () => {
  it.each([
    ["a byte of its data", 70_000],
    ["a byte of its tables", -100_000],
    ["a byte of its header", 30],
  ])("%s", async (_, at) => {
    const { image, sizeBytes } = await makeBase(5 * GIB + 512);
    const overlay = join(directory, "good-overlay.qcow2");
    await writeOverlay({ path: image.path, format: "qcow2" }, overlay, sizeBytes, makeChanges(sizeBytes));
    const file = await open(image.path, "r+");
    const position = at < 0 ? (await file.stat()).size + at : at;
    await file.write(Buffer.from([0xa5]), 0, 1, position);
    await file.close();
    const target = join(directory, "refused.qcow2");
    const copied = copyImage({ path: image.path, sha256: image.sha256 }, overlay, target, signal);
    await expect(copied).rejects.toMatchObject({ code: "cache-corrupt" });
  });
});

/** By a foreign reader: the same content as a raw disk, no errors, no leaked cluster, the hash of its bytes. */
async function checkImage(path: string, sha256: string, raw: string): Promise<void> {
  await run("qemu-img", ["check", "-q", path]);
  await run("qemu-img", ["compare", "-q", "-f", "raw", "-F", "qcow2", raw, path]);
  expect(
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  ).toBe(sha256);
}
