import { describe, expect, it } from "vitest";
import { placedVolumes } from "../model/placed-volume.ts";
import { recipeSchema } from "../model/recipe.ts";
import { GIB, MIB } from "../model/size.ts";
import { SECTOR_BYTES } from "../model/storage-plan.ts";
import { layOutDisks } from "./plan-disks.ts";

const layOut = (recipe: Parameters<typeof recipeSchema.parse>[0]) => layOutDisks(recipeSchema.parse(recipe), "amd64");
const group = (more: object) => ({
  disks: [{ size: "3G", partitions: [{ lvm: { group: "vg", volumes: [{ name: "root", mount: "/" }] } }, more] }],
});

describe("lvm", () => {
  it("makes volumes as large as the sizes say, and /boot", async () => {
    const { disk } = await layOut({ lvm: true, rootsize: "2G", swapsize: "1G", optsize: "30M" });
    const sizes = placedVolumes(disk).map(({ name, sizeSectors }) => [name, sizeSectors * SECTOR_BYTES]);
    expect(Object.fromEntries(sizes)).toEqual({
      "data-2": 512 * MIB,
      "root/swap": GIB,
      "root/opt": 32 * MIB, // whole extents
      "root/root": 2 * GIB,
    });
  });

  it("leaves out what has no size", async () => {
    const { disk } = await layOut({ lvm: true, swapsize: 0 });
    expect(placedVolumes(disk).map(({ name }) => name)).toEqual(["data-2", "root/root"]);
  });

  it("refuses a size that a file system cannot have", async () => {
    await expect(layOut({ lvm: true, optsize: "10M" })).rejects.toThrow(/size of 10 MiB/);
  });

  it("refuses a layout that is given twice", async () => {
    await expect(layOut({ lvm: true, part: "/nowhere" })).rejects.toThrow(/lvm is given, but the disks/);
    await expect(layOut({ ...group({ size: "300M", mount: "/boot" }), lvm: true })).rejects.toThrow(/lvm/);
  });

  it("wants a /boot that the boot loader can read", async () => {
    await expect(layOut(group({ size: "300M", mount: "/boot" }))).resolves.toBeDefined();
    await expect(layOut(group({ size: "300M", mount: "/srv" }))).rejects.toMatchObject({
      code: "storage-impossible",
      hint: expect.stringContaining("/boot"),
    });
  });
});

describe("fs and luks-pass", () => {
  it("puts root and /opt on another file system, and /boot apart", async () => {
    const { disk } = await layOut({ fs: "xfs", optsize: "1G", swapsize: 0 });
    const kinds = placedVolumes(disk).map(({ volume: { mount, fs }, isBare }) => [mount, fs, isBare]);
    expect(kinds).toEqual([
      ["/boot", "ext4", true],
      ["/opt", "xfs", true],
      ["/", "xfs", true],
    ]);
  });

  it("encrypts all but /boot, in one container", async () => {
    const { disk } = await layOut({ "luks-pass": "secret", fs: "btrfs", rootsize: "2G" });
    const encrypted = disk.partitions.filter(({ content }) => content?.luks);
    expect(encrypted).toMatchObject([{ role: "root", content: { luks: { name: "vmcrypt" }, lvm: { group: "vg" } } }]);
    const root = placedVolumes(disk).find(({ name }) => name === "root/root");
    expect((root?.sizeSectors ?? 0) * SECTOR_BYTES).toBeGreaterThanOrEqual(2 * GIB);
    expect(placedVolumes(disk).filter(({ isBare }) => isBare)).toMatchObject([{ volume: { mount: "/boot" } }]);
  });

  const luks = { luks: { name: "c" } };
  const boot = { size: "300M", mount: "/boot" };
  it.each([
    [{ disks: [{ partitions: [{ size: "2G", mount: "/", ...luks }, boot] }] }, /container c has no passphrase/],
    [{ disks: [{ partitions: [{ size: "2G", mount: "/" }] }], "luks-pass": "x" }, /nothing is encrypted/],
    [{ disks: [{ partitions: [{ size: "2G", mount: "/", fs: "xfs" }] }] }, /boot loader reads no xfs/],
    [{ disks: [{ partitions: [{ size: "2G", mount: "/", ...luks }] }], "luks-pass": "x" }, /reads no volume group or/],
    [{ disks: [{ partitions: [{ size: "2G", mount: "/" }] }], fs: "xfs" }, /fs is given, but the disks/],
    [{ fs: "xfs", rootsize: "280M" }, /size of 280 MiB/],
  ])("refuses what cannot be: %j", async (recipe, message) => {
    await expect(layOut(recipe as Parameters<typeof layOut>[0])).rejects.toThrow(message);
  });
});
