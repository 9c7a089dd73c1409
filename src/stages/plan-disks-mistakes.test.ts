import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRecipe } from "../core/recipe-file.ts";
import { layOutDisks } from "./plan-disks.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-disks-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function layOut(recipe: string, options: Record<string, unknown> = {}) {
  const file = join(folder, "r.yaml");
  await writeFile(file, recipe);
  return layOutDisks(await readRecipe(file, options), "amd64");
}

const ROOT = "disks:\n  - partitions:\n      - {mount: /, size: 2G}\n";

describe("layOutDisks", () => {
  it("reads the disks of a recipe", async () => {
    const { disk, moreDisks } = await layOut(
      `${ROOT}      - {fs: swap, size: 512M}\n  - size: 10G\n    partitions:\n      - {mount: /srv, options: [noatime]}\n`,
    );
    expect(disk.partitions.map(({ role }) => role)).toEqual(["bios-boot", "esp", "swap", "root"]);
    expect(moreDisks).toMatchObject([{ sizeBytes: 10 * 1024 ** 3 }]);
    expect(moreDisks?.[0]?.partitions[0]?.content?.volume).toMatchObject({ mount: "/srv", options: ["noatime"] });
  });

  it("reads a partition file beside the recipe, and /opt from its size", async () => {
    await writeFile(join(folder, "parts"), "root 3000\n---\n/srv 100\n");
    expect(await layOut("part: parts\n")).toMatchObject({ moreDisks: [{ partitions: [{ role: "data" }] }] });
    const { disk } = await layOut("optsize: 1G\nlabel: msdos\n");
    expect(disk.label).toBe("msdos");
    expect(disk.partitions.map(({ content }) => content?.volume?.mount)).toContain("/opt");
  });

  it.each([
    ["disks: []\n", /r\.yaml:1:8: disks: 0 disks/],
    [`${ROOT}      - {mount: /srv, size: 4M}\n`, /r\.yaml:4:\d+: disks\.0\.partitions\.1\.size: a size of 4 MiB/],
    [
      `${ROOT}      - {mount: /, size: 4G}\n`,
      /r\.yaml:4:\d+: disks\.0\.partitions\.1\.mount: \/ is a mount point already/,
    ],
    [`${ROOT}      - {mount: /srv, size: many}\n`, /r\.yaml:4:\d+: .*"many" is not a size/],
    [`${ROOT}      - {mount: /srv, size: 4G, fs: ntfs}\n`, /r\.yaml:4:\d+: .*"ntfs" is none of ext4/],
    [`${ROOT}rootsize: 8G\n`, /rootsize is given, but the disks are laid out by disks/],
    [`${ROOT}part: parts\n`, /disks is given, but the disks are laid out by part/],
    ["optsize: 1M\n", /optsize is 1 MiB/],
    ["part: nowhere\n", /nowhere/],
  ])("refuses with the place: %j", async (recipe, message) => {
    await expect(layOut(recipe)).rejects.toThrow(message);
  });
});
