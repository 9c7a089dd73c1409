import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { partitionOf, planDisks, planStorage, SECTOR_BYTES } from "../../src/model/storage-plan.ts";
import { newDiskIds } from "../../src/stages/identity.ts";
import { makeSparseFile, patchRaw } from "../../src/system/disk-image.ts";
import { identityPatches, tablePatches } from "../../src/system/partition-table.ts";
import { run } from "../../src/system/process.ts";
import { withFolder } from "../fixtures/attempt.ts";

const MIB = 1024 * 1024;

const volume = (mount: string | undefined, sizeBytes: number) => ({
  sizeBytes,
  volume: { fs: mount === undefined ? ("swap" as const) : ("ext4" as const), mount, options: [] },
});
const refuse = (_path: unknown, message: string): never => {
  throw new Error(message);
};

describe("identityPatches", () => {
  it.each([1, 3, 7])("are what sfdisk writes for an msdos table of root and %i more", async (count) => {
    const others = Array.from({ length: count }, (_, i) => volume(i === 1 ? undefined : `/data${i}`, (16 + i) * MIB));
    const disks = planDisks(
      [
        { partitions: [volume("/", 9000 * MIB), ...others] },
        {
          partitions: others
            .slice(1)
            .map((_, i) => volume(`/more${i}`, 20 * MIB))
            .concat(volume("/x", 16 * MIB)),
        },
      ],
      "msdos",
      "amd64",
      refuse,
    );
    for (const plan of disks) {
      const ids = newDiskIds(plan);
      await withFolder(async (folder) => {
        const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
        await makeSparseFile(ours, plan.sizeBytes);
        await makeSparseFile(theirs, plan.sizeBytes);
        await patchRaw(ours, tablePatches(plan, ids));
        const { stdout: dump } = await run(["sfdisk", "--dump", ours]);
        for (const { number, startSector, sizeSectors } of plan.partitions)
          expect(dump).toMatch(new RegExp(`ours${number} : start= +${startSector}, size= +${sizeSectors},`));
        await run(["sfdisk", "--quiet", theirs], { input: dump.replaceAll(ours, theirs) });
        await run(["qemu-img", "compare", "-f", "raw", "-F", "raw", ours, theirs]);
      });
    }
  });

  it.each([
    { architecture: "amd64", rootSizeBytes: 300 * MIB, swapSizeBytes: 64 * MIB },
    { architecture: "arm64", rootSizeBytes: 257 * MIB, swapSizeBytes: 0 },
  ] as const)("are the bytes that sfdisk and mkswap write: %j", async (request) => {
    const plan = planStorage(request);
    const ids = newDiskIds(plan);
    await withFolder(async (folder) => {
      const ours = join(folder, "ours");
      const theirs = join(folder, "theirs");
      await makeSparseFile(ours, plan.sizeBytes);
      await makeSparseFile(theirs, plan.sizeBytes);
      await patchRaw(ours, identityPatches(plan, ids));
      const lines = plan.partitions.map(
        ({ number, role, startSector, sizeSectors, typeGuid }) =>
          `${number} : start=${startSector}, size=${sizeSectors}, type=${typeGuid}, uuid=${ids.partitionGuids[role]}`,
      );
      const input = `label: gpt\nlabel-id: ${ids.diskGuid}\nunit: sectors\n\n${lines.join("\n")}\n`;
      await run(["sfdisk", "--quiet", theirs], { input });
      if (request.swapSizeBytes > 0) {
        const swap = partitionOf(plan, "swap");
        const header = join(folder, "swap");
        await writeFile(header, "");
        await truncate(header, swap.sizeSectors * SECTOR_BYTES);
        await run(["mkswap", "--uuid", ids.swapUuid, header]);
        const bytes = (await readFile(header)).subarray(0, 4096);
        await patchRaw(theirs, [{ offsetBytes: swap.startSector * SECTOR_BYTES, bytes }]);
      }
      const serial = Buffer.alloc(4);
      serial.writeUInt32LE(Number.parseInt(ids.espSerial, 16));
      const esp = partitionOf(plan, "esp").startSector * SECTOR_BYTES;
      await patchRaw(theirs, [{ offsetBytes: esp + 0x27, bytes: serial }]);
      await expect(run(["cmp", ours, theirs])).resolves.toMatchObject({ stdout: "" });
      await run(["sfdisk", "--verify", ours]);
    });
  });
});
