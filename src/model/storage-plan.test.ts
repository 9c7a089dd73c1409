import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GIB, MIB } from "./size.ts";
import { partitionOf, planStorage, SECTOR_BYTES, type StorageRequest } from "./storage-plan.ts";

const requests: fc.Arbitrary<StorageRequest> = fc.record({
  rootSizeBytes: fc.integer({ min: 256 * MIB, max: 4096 * GIB }),
  swapSizeBytes: fc.oneof(fc.constant(0), fc.integer({ min: MIB, max: 64 * GIB })),
  architecture: fc.constantFrom("amd64", "arm64"),
});

describe("planStorage", () => {
  it("lays partitions side by side, aligned, root last, inside the disk", () => {
    fc.assert(
      fc.property(requests, (request) => {
        const { partitions, sizeBytes } = planStorage(request);
        let free = MIB / SECTOR_BYTES; // before it stands the table
        for (const { startSector, sizeSectors } of partitions) {
          expect(startSector).toBeGreaterThanOrEqual(free);
          expect((startSector * SECTOR_BYTES) % MIB).toBe(0);
          free = startSector + sizeSectors;
        }
        expect(free * SECTOR_BYTES).toBeLessThanOrEqual(sizeBytes - 33 * SECTOR_BYTES); // after it, its copy
        expect(sizeBytes % MIB).toBe(0);
        expect(partitions.at(-1)?.role).toBe("root");
        expect(new Set(partitions.map(({ number }) => number)).size).toBe(partitions.length);
      }),
    );
  });

  it("gives each partition what was asked for, less than a MiB more", () => {
    fc.assert(
      fc.property(requests, (request) => {
        const plan = planStorage(request);
        const surplus = partitionOf(plan, "root").sizeSectors * SECTOR_BYTES - request.rootSizeBytes;
        expect(surplus).toBeGreaterThanOrEqual(0);
        expect(surplus).toBeLessThan(MIB);
        expect(plan.partitions.some(({ role }) => role === "swap")).toBe(request.swapSizeBytes > 0);
      }),
    );
  });

  it("numbers roles alike on every disk", () => {
    const numbers = (request: StorageRequest) =>
      planStorage(request).partitions.map(({ role, number }) => `${role} ${number}`);
    const rootSizeBytes = GIB;
    expect(numbers({ rootSizeBytes, swapSizeBytes: GIB, architecture: "amd64" })).toEqual([
      "bios-boot 14",
      "esp 15",
      "swap 2",
      "root 1",
    ]);
    expect(numbers({ rootSizeBytes, swapSizeBytes: 0, architecture: "arm64" })).toEqual(["esp 15", "root 1"]);
  });

  it.each([
    ["rootsize", { rootSizeBytes: 255 * MIB, swapSizeBytes: 0 }],
    ["rootsize", { rootSizeBytes: 1e30, swapSizeBytes: 0 }],
    ["rootsize", { rootSizeBytes: Number.NaN, swapSizeBytes: 0 }],
    ["rootsize", { rootSizeBytes: -GIB, swapSizeBytes: 0 }],
    ["swapsize", { rootSizeBytes: GIB, swapSizeBytes: 1 }],
    ["swapsize", { rootSizeBytes: GIB, swapSizeBytes: -1 }],
  ])("refuses a %s out of bounds: %j", (name, sizes) => {
    expect(() => planStorage({ ...sizes, architecture: "amd64" })).toThrow(
      expect.objectContaining({
        code: "storage-impossible",
        message: expect.stringContaining(name),
        hint: expect.stringContaining("between"),
      }),
    );
  });
});

describe("partitionOf", () => {
  it("refuses a role that the disk lacks", () => {
    const plan = planStorage({ rootSizeBytes: GIB, swapSizeBytes: 0, architecture: "arm64" });
    expect(() => partitionOf(plan, "swap")).toThrow("no swap partition");
  });
});
