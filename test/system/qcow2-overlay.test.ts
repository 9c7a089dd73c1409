import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { createOverlay } from "../../src/system/qcow2-overlay.ts";
import { run } from "../fixtures/vmbuilder.ts";

const GIB = 2 ** 30;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-overlay-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function makeBase(format: "raw" | "qcow2", sizeBytes: number): Promise<string> {
  const raw = join(directory, `base-${sizeBytes}.raw`);
  await makeSparseFile(raw, sizeBytes);
  await patchRaw(raw, [{ offsetBytes: sizeBytes - 512, bytes: Buffer.alloc(512, "end") }]);
  if (format === "raw") return raw;
  const base = join(directory, `base-${sizeBytes}.qcow2`);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, base]);
  return base;
}

describe("createOverlay", () => {
  it.each([
    ["raw", GIB / 1024],
    ["qcow2", 5 * GIB + 512],
    ["raw", 8 * 1024 * GIB],
  ] as const)(
    "makes an image over a %s base of %d bytes that qemu finds whole and equal to it",
    async (format, size) => {
      const base = await makeBase(format, size);
      const overlay = join(directory, `overlay-${format}-${size}.qcow2`);
      await createOverlay(base, format, overlay, size);
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
    },
  );

  it("refuses a name that has no room in the image", async () => {
    const base = `/${"x".repeat(1023)}`;
    await expect(createOverlay(base, "raw", join(directory, "long.qcow2"), GIB)).rejects.toMatchObject({
      code: "path-unusable",
    });
  });

  it("replaces nothing", async () => {
    const overlay = join(directory, "twice.qcow2");
    await createOverlay("base", "raw", overlay, GIB);
    await expect(createOverlay("base", "raw", overlay, GIB)).rejects.toMatchObject({
      code: "path-unusable",
    });
  });
});
