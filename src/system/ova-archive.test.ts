import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readOva } from "./ova-archive.ts";
import { endOfTar, tarFileHeader, tarPadding } from "./tar-writer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-ova-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** An OVA of a description, and an empty disk. */
async function ova(description: string, edit: (header: Buffer) => void = () => {}): Promise<string> {
  const path = join(folder, "a.ova");
  const content = Buffer.from(description);
  const header = tarFileHeader("a.ovf", content.length);
  edit(header);
  const disk = tarFileHeader("a.vmdk", 0);
  await writeFile(path, Buffer.concat([header, content, tarPadding(content.length), disk, endOfTar()]));
  return path;
}

const DISK = '<File id="f1" href="a.vmdk"/><Disk fileRef="f1"/>';

describe("readOva", () => {
  it("reads a description with comments", async () => {
    expect(await readOva(await ova(`<!-- <File id="f1" href="b.vmdk"/> -->${DISK}<!-- no end`))).toMatchObject([
      { name: "a.vmdk", driver: "vmdk" },
    ]);
  });

  it.each([
    ["comments without an end", "<!--".repeat(250_000)],
    ["very many disks", `${'<File id="f"/>'.repeat(20_000)}${'<Disk fileRef="x"/>'.repeat(30_000)}`],
    ["one disk very often", DISK.repeat(15_000)],
  ])("refuses %s, and is soon done", async (_, description) => {
    const path = await ova(description);
    const begin = performance.now();
    await expect(readOva(path)).rejects.toMatchObject({ code: "image-refused" });
    expect(performance.now() - begin).toBeLessThan(3000);
  });

  it("refuses a member of a negative size", async () => {
    const path = await ova(DISK, (header) => {
      header.write("-0000001000\0", 124);
      header.fill(" ", 148, 156);
      header.write(
        `${header
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, "0")}\0 `,
        148,
      );
    });
    await expect(readOva(path)).rejects.toMatchObject({ code: "image-refused" });
  });
});
