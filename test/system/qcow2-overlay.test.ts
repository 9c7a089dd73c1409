import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { writeOverlay } from "../../src/system/qcow2-overlay.ts";
import { run } from "../fixtures/vmbuilder.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-overlay-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A disk with something in its first MiB, across a boundary of clusters, and at its very end. */
async function makeRaw(sizeBytes: number): Promise<string> {
  const raw = join(directory, `base-${sizeBytes}.raw`);
  await makeSparseFile(raw, sizeBytes);
  await patchRaw(raw, [
    { offsetBytes: 4096, bytes: Buffer.alloc(200_000, "start") },
    { offsetBytes: sizeBytes - 512, bytes: Buffer.alloc(512, "end") },
  ]);
  return raw;
}

async function makeBase(format: "raw" | "qcow2", sizeBytes: number): Promise<string> {
  const raw = await makeRaw(sizeBytes);
  if (format === "raw") return raw;
  const base = join(directory, `base-${sizeBytes}.qcow2`);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, base]);
  return base;
}

const FORMS = [
  ["raw", MIB],
  ["qcow2", 5 * GIB + 512],
  ["raw", 8 * 1024 * GIB],
] as const;

describe("writeOverlay", () => {
  it.each(FORMS)("makes an empty image over a %s base of %d bytes, equal to it", async (format, size) => {
    const base = await makeBase(format, size);
    const overlay = join(directory, `empty-${format}-${size}.qcow2`);
    await writeOverlay({ path: base, format }, overlay, size);
    await run("qemu-img", ["check", "-q", overlay]);
    const info = JSON.parse((await run("qemu-img", ["info", "--output=json", overlay])).stdout);
    expect(info).toMatchObject({
      "virtual-size": size,
      "full-backing-filename": base,
      "backing-filename-format": format,
      "format-specific": { data: { compat: "1.1", corrupt: false } },
    });
    await run("qemu-img", ["compare", "-q", "-f", format, "-F", "qcow2", base, overlay]);
    await run("qemu-io", ["-f", "qcow2", "-c", `write -P 7 ${size - 65536} 4096`, overlay]);
    await run("qemu-img", ["check", "-q", overlay]);
  });

  it.each(FORMS)("holds what differs from a %s base of %d bytes", async (format, size) => {
    const base = await makeBase(format, size);
    const overlay = join(directory, `content-${format}-${size}.qcow2`);
    const content = [
      { offsetBytes: 1000, bytes: randomBytes(10_000) },
      { offsetBytes: 65_000, bytes: randomBytes(150_000) },
      { offsetBytes: 70_000, bytes: randomBytes(512) }, // over the one before
      { offsetBytes: Math.floor(size / 2) + 512, bytes: randomBytes(512) },
      { offsetBytes: size - 1024, bytes: randomBytes(1024) },
    ];
    await writeOverlay({ path: base, format }, overlay, size, content);
    await run("qemu-img", ["check", "-q", overlay]);
    const expected = join(directory, `expected-${format}-${size}.raw`);
    await run("cp", ["--sparse=always", await makeRaw(size), expected]);
    await patchRaw(expected, content);
    await run("qemu-img", ["compare", "-q", "-f", "raw", "-F", "qcow2", expected, overlay]);
  });

  it("refuses a name that has no room in the image", async () => {
    const base = { path: `/${"x".repeat(1023)}`, format: "raw" } as const;
    await expect(writeOverlay(base, join(directory, "long.qcow2"), GIB)).rejects.toMatchObject({
      code: "path-unusable",
    });
  });

  it("replaces nothing", async () => {
    const base = { path: await makeRaw(MIB), format: "raw" } as const;
    const overlay = join(directory, "twice.qcow2");
    await writeOverlay(base, overlay, MIB);
    await expect(writeOverlay(base, overlay, MIB)).rejects.toMatchObject({ code: "path-unusable" });
  });
});

it.each([
  ["is compressed", ["-c"]],
  ["has a backing file", ["-B", "base.raw", "-F", "raw"]],
  ["has unusual sizes", ["-o", "cluster_size=4k"]],
  ["is no qcow2 of version 3", ["-o", "compat=0.10"]],
])("refuses a base that %s", async (why, options) => {
  const raw = await makeRaw(MIB);
  await copyFile(raw, join(directory, "base.raw"));
  const path = join(directory, `${why}.qcow2`);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", ...options, raw, path]);
  const content = [{ offsetBytes: 4096, bytes: Buffer.alloc(1) }];
  const done = writeOverlay({ path, format: "qcow2" }, join(directory, "odd.qcow2"), MIB, content);
  await expect(done).rejects.toMatchObject({ code: "cache-corrupt", message: expect.stringContaining(why) });
  await rm(join(directory, "odd.qcow2"), { force: true });
});
