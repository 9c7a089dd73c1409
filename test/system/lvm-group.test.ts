import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GIB, MIB } from "../../src/model/size.ts";
import { SECTOR_BYTES } from "../../src/model/storage-plan.ts";
import type { LogicalVolume } from "../../src/model/storage-request.ts";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { lvmPatches } from "../../src/system/lvm-group.ts";
import { run } from "../fixtures/vmbuilder.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-lvm-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const volumes: LogicalVolume[] = [
  { name: "root", fs: "ext4", mount: "/", options: [] },
  { name: "logs-1", fs: "ext4", mount: "/var/log", options: [], sizeBytes: 100 * MIB - 1 },
];
const group = { name: "vg-1", partition: { startSector: 0, sizeSectors: GIB / SECTOR_BYTES }, volumes };

async function write(id: string): Promise<{ disk: string; headers: string; text: string }> {
  const disk = join(directory, id);
  await makeSparseFile(disk, GIB);
  await patchRaw(disk, lvmPatches({ ...group, id }));
  const dump = async (what: string) => (await run("pvck", ["--dump", what, disk])).stdout;
  return { disk, headers: await dump("headers"), text: await dump("metadata") };
}

it("writes a group that LVM's own tool reads, checksums and all", async () => {
  const { headers, text } = await write("one");
  expect(headers).toContain("pv_header.device_size 1073741824");
  expect(headers).toContain("# vgname vg-1 seqno 1");
  expect(headers).not.toMatch(/CHECK:|invalid|wrong/i); // so it marks what is off
  expect(text).toMatch(/^logs-1 \{[^}]*extent_count = 25\n[^}]*stripes = \["pv0", 0\]/m);
  expect(text).toMatch(/^root \{[^}]*extent_count = 230\n[^}]*stripes = \["pv0", 25\]/m);
});

it("gives each machine's group, partition and volumes ids of their own", async () => {
  const ids = async (id: string) => (await write(id)).text.match(/id = "[^"]+"/g) ?? [];
  const all = [...(await ids("two")), ...(await ids("three"))];
  expect(all).toHaveLength(8);
  expect(new Set(all).size).toBe(8);
});

it("marks a description that was changed", async () => {
  const { disk } = await write("four");
  await patchRaw(disk, [{ offsetBytes: 4096 + 512 + 20, bytes: Buffer.from("x") }]);
  const { stdout, stderr } = await run("pvck", ["--dump", "metadata", disk]);
  expect(stdout + stderr).toMatch(/CHECK:|invalid|checksum|crc/i);
});
