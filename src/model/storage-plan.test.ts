import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARCHITECTURES } from "./architecture.ts";
import { GIB, MIB } from "./size.ts";
import { contentOf, partitionOf, planDisks, planStorage, SECTOR_BYTES, type StorageRequest } from "./storage-plan.ts";
import type { DiskRequest, PartitionRequest, Volume } from "./storage-request.ts";

const requests: fc.Arbitrary<StorageRequest> = fc.record({
  rootSizeBytes: fc.integer({ min: 256 * MIB, max: 4096 * GIB }),
  swapSizeBytes: fc.oneof(fc.constant(0), fc.integer({ min: MIB, max: 64 * GIB })),
  architecture: fc.constantFrom(...ARCHITECTURES),
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
    for (const architecture of ["arm64", "riscv64"] as const)
      expect(numbers({ rootSizeBytes, swapSizeBytes: 0, architecture })).toEqual(["esp 15", "root 1"]);
  });

  it("gives each architecture's root the type by which its own systemd grows it", () => {
    const types = ARCHITECTURES.map((architecture) => {
      const plan = planStorage({ rootSizeBytes: GIB, swapSizeBytes: 0, architecture });
      return partitionOf(plan, "root").typeGuid.slice(0, 8);
    });
    expect(types).toEqual(["4F68BCE3", "B921B045", "72EC70A6"]);
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

const volume = (mount: string | undefined, more: Partial<Volume> = {}): Volume => ({
  fs: mount === undefined ? "swap" : "ext4",
  mount,
  options: [],
  ...more,
});
const partition = (mount: string | undefined, sizeBytes: number | undefined = GIB): PartitionRequest => ({
  sizeBytes,
  volume: volume(mount),
});
const refuse = (path: readonly (string | number)[], message: string): never => {
  throw new Error(`${path.join(".")}: ${message}`);
};
const plan = (disks: readonly DiskRequest[], label: "gpt" | "msdos" = "gpt") =>
  planDisks(disks, label, "amd64", refuse);

describe("planDisks", () => {
  it("gives the usual partitions what the size options give", () => {
    const usual = { rootSizeBytes: 4 * GIB, swapSizeBytes: GIB, architecture: "amd64" } as const;
    expect(plan([{ partitions: [partition(undefined), partition("/", 4 * GIB)] }])).toEqual([planStorage(usual)]);
  });

  it.each(["gpt", "msdos"] as const)("keeps every %s partition in a place of its own, root last", (label) => {
    const counts = fc.record({ before: fc.nat(9), after: fc.nat(9), more: fc.nat(12), swaps: fc.nat(3) });
    fc.assert(
      fc.property(counts, ({ before, after, more, swaps }) => {
        const data = (count: number, prefix: string) =>
          [...Array(count).keys()].map((index) => partition(`/${prefix}${index}`, (index + 16) * MIB + index));
        const swap = Array.from({ length: swaps }, () => partition(undefined, 3 * MIB));
        const first = { partitions: [...data(before, "a"), ...swap, partition("/"), ...data(after, "b")] };
        const disks = plan([first, { partitions: data(more + 1, "c") }], label);
        expect(disks[0]?.partitions.at(-1)).toMatchObject({ role: "root", number: 1 });
        for (const { partitions, extended, sizeBytes } of disks) {
          let free = MIB / SECTOR_BYTES;
          for (const { number, startSector, sizeSectors } of partitions) {
            const inside = extended && startSector > extended.startSector && number > 4;
            expect(startSector).toBeGreaterThanOrEqual(free + (inside ? MIB / SECTOR_BYTES : 0));
            expect(label === "msdos" && number > 4).toBe(inside ?? false);
            free = startSector + sizeSectors;
            if (inside) expect(free).toBeLessThanOrEqual(extended.startSector + extended.sizeSectors);
          }
          expect(free * SECTOR_BYTES + MIB).toBeLessThanOrEqual(sizeBytes);
          const numbers = [...partitions.map(({ number }) => number), ...(extended ? [extended.number] : [])];
          expect(new Set(numbers).size).toBe(numbers.length);
          expect(partitions.at(-1)?.number).toBeLessThan(label === "msdos" ? 4 + Number(!extended) : 128);
        }
      }),
    );
  });

  it("gives the rest of a disk to the partition without a size", () => {
    const [disk] = plan([{ sizeBytes: 10 * GIB, partitions: [{ volume: volume("/") }, partition("/srv")] }]);
    expect(disk?.sizeBytes).toBe(10 * GIB);
    const root = disk?.partitions.at(-1);
    expect(root && (root.startSector + root.sizeSectors) * SECTOR_BYTES).toBe(10 * GIB - MIB);
  });

  it("knows root in a group of volumes, in an encrypted container, and as a subvolume", () => {
    const subvolumes = [{ name: "@", mount: "/", options: [] }];
    const contents: PartitionRequest[] = [
      { sizeBytes: GIB, lvm: { group: "vg", volumes: [{ ...volume("/"), name: "root" }] } },
      { sizeBytes: GIB, luks: { name: "secret" }, volume: volume("/") },
      { sizeBytes: GIB, volume: { fs: "btrfs", options: [], subvolumes } },
    ];
    for (const content of contents) {
      const root = plan([{ partitions: [content, partition("/boot")] }])[0]?.partitions.at(-1);
      const { sizeBytes: _, ...wanted } = content;
      expect(root).toMatchObject({ role: "root", number: 1 });
      expect(root && contentOf(root)).toEqual(wanted);
    }
  });

  const root = partition("/");
  const lvm = (...sizes: (number | undefined)[]): PartitionRequest => ({
    sizeBytes: GIB,
    lvm: { group: "vg", volumes: sizes.map((sizeBytes, i) => ({ ...volume(`/v${i}`), name: `v${i}`, sizeBytes })) },
  });
  it.each<[string, readonly DiskRequest[], RegExp]>([
    ["no disk", [], /^: 0 disks/],
    ["an empty disk", [{ partitions: [] }], /^0\.partitions: .*not 0/],
    ["no root", [{ partitions: [partition("/srv")] }], /there is no root/],
    ["two roots", [{ partitions: [root, partition("/")] }], /^0\.partitions\.1\.mount: \/ is a mount point already/],
    ["root on another disk", [{ partitions: [partition("/srv")] }, { partitions: [root] }], /^1\.partitions\.0: /],
    ["a mount point twice", [{ partitions: [root, partition("/a")] }, { partitions: [partition("/a")] }], /^1.*\/a is/],
    ["a relative mount point", [{ partitions: [root, partition("srv")] }], /"srv" is no mount point/],
    ["a slash at the end", [{ partitions: [root, partition("/srv/")] }], /is no mount point/],
    ["a way out", [{ partitions: [root, partition("/srv/../etc")] }], /is no mount point/],
    ["the kernel's place", [{ partitions: [root, partition("/proc/x")] }], /\/proc\/x cannot be/],
    ["what boots", [{ partitions: [root, partition("/etc")] }], /\/etc cannot be/],
    ["a tiny root", [{ partitions: [partition("/", 255 * MIB)] }], /size: a size of 255 MiB/],
    ["a size that is none", [{ partitions: [partition("/", Number.NaN)] }], /size: a size of/],
    ["no size", [{ partitions: [{ volume: volume("/") }] }], /0\.partitions\.0: this partition has no size/],
    ["two rests", [{ sizeBytes: GIB, partitions: [{ volume: volume("/") }, { volume: volume("/a") }] }], /no size/],
    ["too little room", [{ sizeBytes: GIB, partitions: [root] }], /^0\.size: the partitions need/],
    ["nothing in it", [{ partitions: [root, { sizeBytes: GIB }] }], /either a file system or an LVM group/],
    [
      "swap that is mounted",
      [{ partitions: [root, { sizeBytes: GIB, volume: volume("/a", { fs: "swap" }) }] }],
      /swap/,
    ],
    ["mounted nowhere", [{ partitions: [root, { sizeBytes: GIB, volume: { fs: "xfs", options: [] } }] }], /nowhere/],
    [
      "an option with a blank",
      [{ partitions: [{ sizeBytes: GIB, volume: volume("/", { options: ["a b"] }) }] }],
      /"a b"/,
    ],
    [
      "subvolumes of ext4",
      [
        {
          partitions: [
            { sizeBytes: GIB, volume: volume("/", { subvolumes: [{ name: "a", mount: "/a", options: [] }] }) },
          ],
        },
      ],
      /ext4 has no subvolumes/,
    ],
    ["a group that is too small", [{ partitions: [root, lvm(GIB)] }], /^0\.partitions\.1\.size: /],
    ["two rests of a group", [{ partitions: [root, lvm(undefined, undefined)] }], /one at most has no size/],
  ])("refuses %s", (_name, disks, message) => {
    expect(() => plan(disks)).toThrow(message);
  });

  it("refuses msdos beyond 2 TiB", () => {
    expect(() => plan([{ partitions: [partition("/", 2048 * GIB)] }], "msdos")).toThrow(/more than msdos can have/);
  });
});
