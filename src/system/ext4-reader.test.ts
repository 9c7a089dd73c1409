import { describe, expect, it } from "vitest";
import type { DiskBytes } from "./disk-bytes.ts";
import { type Ext4Inode, openExt4 } from "./ext4-reader.ts";

const BLOCK = 4096;
const ENTRIES_A_BLOCK = BLOCK / 12 - 1;
/** More than any map here has nodes. */
const MOST_READS = 5000;

/** A node of a map: its height, and entries of a first block and what it leads to. */
function node(
  depth: number,
  entries: readonly [firstBlock: number, to: number, blocks?: number][],
  bytes = BLOCK,
): Buffer {
  const all = Buffer.alloc(bytes);
  all.writeUInt16LE(0xf30a, 0);
  all.writeUInt16LE(entries.length, 2);
  all.writeUInt16LE(depth, 6);
  for (const [index, [firstBlock, to, blocks = 1]] of entries.entries()) {
    const at = (index + 1) * 12;
    all.writeUInt32LE(firstBlock, at);
    if (depth === 0) all.writeUInt16LE(blocks, at + 4);
    all.writeUInt32LE(to, at + (depth === 0 ? 8 : 4));
  }
  return all;
}

const root = (...args: Parameters<typeof node>) => node(args[0], args[1], 60);
const file = (inline: Buffer, more: Partial<Ext4Inode> = {}): Ext4Inode => {
  const plain = { number: 12, type: "file", mode: 0o644, uid: 0, gid: 0, sizeBytes: 0, isMapped: true } as const;
  return { ...plain, inline, ...more };
};

/** A disk of some blocks; it ends a reading that goes on and on. */
async function open(blocks: Readonly<Record<number, Buffer>>) {
  const superblock = Buffer.alloc(BLOCK);
  superblock.writeUInt32LE(8192, 1024);
  superblock.writeUInt32LE(2, 1024 + 24);
  superblock.writeUInt32LE(8192, 1024 + 40);
  superblock.writeUInt16LE(0xef53, 1024 + 56);
  superblock.writeUInt16LE(256, 1024 + 88);
  superblock.writeUInt32LE(0x42, 1024 + 96);
  let reads = 0;
  const disk: DiskBytes = {
    async read(offsetBytes, length) {
      if (++reads > MOST_READS) throw new Error("it reads without an end");
      const block = Math.floor(offsetBytes / BLOCK);
      const bytes = block === 0 ? superblock : (blocks[block] ?? Buffer.alloc(BLOCK));
      return bytes.subarray(offsetBytes % BLOCK, (offsetBytes % BLOCK) + length);
    },
  };
  const system = await openExt4(disk, 0);
  if (!system) throw new Error("no ext4");
  return system;
}

describe("openExt4", () => {
  it("reads a map of several levels; what was never written has no place", async () => {
    const system = await open({
      10: node(0, [
        [0, 100, 2],
        [5, 200, 32768 + 3],
      ]),
      11: node(0, [[8, 300, 4]]),
    });
    expect(
      await system.runs(
        file(
          root(1, [
            [0, 10],
            [8, 11],
          ]),
        ),
      ),
    ).toEqual([
      { firstBlock: 0, blocks: 2, place: 100 },
      { firstBlock: 8, blocks: 4, place: 300 },
    ]);
  });

  it.each([
    ["one node many times", (below: number) => Array.from({ length: ENTRIES_A_BLOCK }, () => [0, below] as const)],
    [
      "one node for many blocks",
      (below: number) => Array.from({ length: ENTRIES_A_BLOCK }, (_, i) => [i, below] as const),
    ],
  ])("refuses a map that leads to %s", async (_, entries) => {
    const level = (depth: number, below: number) =>
      node(
        depth,
        entries(below).map(([at, to]) => [at, to]),
      );
    const system = await open({
      10: level(4, 11),
      11: level(3, 12),
      12: level(2, 13),
      13: level(1, 14),
      14: level(0, 15),
    });
    await expect(system.runs(file(root(5, [[0, 10]])))).rejects.toMatchObject({ code: "image-refused" });
  });

  it("reads no more of a folder or file than its size", async () => {
    const folder = Buffer.alloc(BLOCK);
    folder.writeUInt32LE(13, 0);
    folder.writeUInt16LE(BLOCK, 4);
    folder.writeUInt8(1, 6);
    folder.write("a", 8);
    const system = await open({ 20: folder });
    const inline = root(0, [
      [0, 20, 1],
      [1, 20, 32768],
    ]);
    expect(await system.list(file(inline, { sizeBytes: BLOCK }))).toEqual([{ name: "a", inode: 13 }]);
    expect(await system.read(file(root(0, [[0, 20, 32768]]), { sizeBytes: 9 }), 100)).toEqual(folder.subarray(0, 9));
  });
});
