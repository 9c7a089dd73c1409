import fc from "fast-check";
import { expect, it } from "vitest";
import { countExtents, placeLogicalVolumes } from "./logical-volumes.ts";
import { bootPlace, placedVolumes, rootDevice } from "./placed-volume.ts";
import { GIB, MIB } from "./size.ts";
import { planDisks, SECTOR_BYTES } from "./storage-plan.ts";
import type { DiskRequest, LogicalVolume } from "./storage-request.ts";

const root: LogicalVolume = { name: "root-1", fs: "ext4", mount: "/", options: [] };
const disk = (volumes: readonly LogicalVolume[], sizeBytes = 4 * GIB): DiskRequest => ({
  sizeBytes,
  partitions: [
    { sizeBytes: 300 * MIB, volume: { fs: "ext4", mount: "/boot", options: [] } },
    { lvm: { group: "vg-a", volumes } },
  ],
});
const refuse = (path: readonly (string | number)[], message: string): never => {
  throw new Error(`${path.join(".")}: ${message}`);
};
const plan = (request: DiskRequest) => {
  const [first] = planDisks([request], "gpt", "amd64", refuse);
  if (!first) throw new Error("no disk");
  return first;
};

it("places volumes one after another inside the partition, each as large as asked for", () => {
  const sizes = fc.array(fc.integer({ min: 16 * MIB, max: 300 * MIB }), { minLength: 0, maxLength: 8 });
  fc.assert(
    fc.property(sizes, (bytes) => {
      const others = bytes.map((sizeBytes, i) => ({ ...root, name: `v${i}`, mount: `/v${i}`, sizeBytes }));
      const { partitions, ...rest } = plan(disk([root, ...others]));
      const group = partitions.at(-1);
      let free = (group?.startSector ?? 0) + MIB / SECTOR_BYTES;
      const placed = placedVolumes({ ...rest, partitions }).filter(({ name }) => name.includes("/"));
      for (const { volume, startSector, sizeSectors } of placed) {
        expect(startSector).toBe(free);
        expect(sizeSectors * SECTOR_BYTES).toBeGreaterThanOrEqual(
          ("sizeBytes" in volume && Number(volume.sizeBytes)) || 256 * MIB,
        );
        free = startSector + sizeSectors;
      }
      expect(free).toBeLessThanOrEqual((group?.startSector ?? 0) + (group?.sizeSectors ?? 0));
      expect(placed.at(-1)?.volume.mount).toBe("/"); // the one that takes the rest
    }),
  );
});

it("gives the volume without a size all that is left", () => {
  const volumes = [root, { ...root, name: "a", mount: "/a", sizeBytes: 5 * MIB }];
  const partition = { sizeSectors: GIB / SECTOR_BYTES };
  expect(countExtents(partition)).toBe(255);
  expect(placeLogicalVolumes(partition, volumes).map(({ startExtent, extents }) => [startExtent, extents])).toEqual([
    [0, 2],
    [2, 253],
  ]);
});

it("tells the kernel the volume, with the mapper's hyphens, and the boot loader the partition of /boot", () => {
  const first = plan(disk([root]));
  expect(rootDevice({ rootUuid: "x" }, first)).toBe("/dev/mapper/vg--a-root--1");
  expect(bootPlace(first)).toMatchObject({ directory: "/grub", mount: "/boot", volume: { isBare: true } });
});
