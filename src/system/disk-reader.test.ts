import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CLUSTER_BITS, CLUSTER_BYTES, openQcow2, openRaw, readPlaces } from "./disk-reader.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-reader-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Places that fit into the format's 56 bits, and into no file. */
const FAR = 0x00ff_ffff_ffff_0000n;
const REFUSED = { code: "image-refused", message: expect.stringContaining("is damaged: it points") };

/** A qcow2 of one table, whose places are what a test says. */
async function craft(name: string, l1At: bigint, table: bigint, cluster: bigint): Promise<string> {
  const path = join(folder, name);
  const image = Buffer.alloc(4 * CLUSTER_BYTES);
  image.writeUInt32BE(0x514649fb, 0);
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(CLUSTER_BITS, 20);
  image.writeBigUInt64BE(BigInt(CLUSTER_BYTES), 24);
  image.writeUInt32BE(1, 36);
  image.writeBigUInt64BE(l1At, 40);
  image.writeBigUInt64BE(table, CLUSTER_BYTES);
  image.writeBigUInt64BE(cluster, 2 * CLUSTER_BYTES);
  image.fill("data", 3 * CLUSTER_BYTES);
  await writeFile(path, image);
  return path;
}
const [L1, TABLE, DATA] = [1, 2, 3].map((one) => BigInt(one * CLUSTER_BYTES)) as [bigint, bigint, bigint];

async function readFirst(path: string): Promise<string> {
  const reader = await openQcow2(path);
  const into = Buffer.alloc(CLUSTER_BYTES);
  try {
    await reader.read(0, into);
  } finally {
    await reader.close();
  }
  return into.toString("latin1", 0, 8);
}

it("reads what an image points to", async () => {
  expect(await readFirst(await craft("whole", L1, TABLE, DATA))).toBe("datadata");
});

it.each([
  ["its first table", 0xffff_ffff_ffff_0000n, TABLE, DATA],
  ["a table", L1, FAR, DATA],
  ["a cluster", L1, TABLE, FAR],
])("says in one line that %s is nowhere", async (name, ...places) => {
  const path = await craft(name, ...places);
  await expect(readFirst(path)).rejects.toMatchObject(REFUSED);
  if (name === "a cluster") return; // nothing of it is read
  const file = await open(path, "r");
  await expect(readPlaces(file, path).finally(() => file.close())).rejects.toMatchObject(REFUSED);
});

it("says it of a raw disk, whose partition table may point anywhere", async () => {
  const path = join(folder, "raw");
  await writeFile(path, "x");
  const reader = await openRaw(path);
  await expect(reader.read(2 ** 50, Buffer.alloc(CLUSTER_BYTES))).rejects.toMatchObject(REFUSED);
  await reader.close();
});
