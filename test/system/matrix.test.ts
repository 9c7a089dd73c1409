import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { openGuestDisk } from "../fixtures/guest-disk.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const MIB = 1024 ** 2;
const CELLS = ["kvm 2G", "kvm 3G", "vbox 2G", "vbox 3G"];
const RECIPE = `
hostname: m
addpkg: [./extra.deb]
matrix: {hypervisor: [kvm, vbox], rootsize: [2G, 3G]}
`;

let root: string;
let arguments_: readonly string[];
beforeAll(async () => {
  root = await makeBuildFolder("vmb-matrix-");
  const built = await builtCache();
  await mkdir(join(root, "cache"));
  await built.copyTo(join(root, "cache"), "tree");
  // what takes less than two seconds is done again rather than kept
  const scripts = { postinst: "#!/bin/sh\nsleep 2.5\n" };
  await makeDeb(root, { name: "extra", files: { "/usr/share/extra": "from the recipe" }, scripts });
  await writeFile(join(root, "recipe.yaml"), RECIPE);
  const own = ["--hostname", "--rootsize"]; // the recipe says these
  const options = built.options.filter(
    (one, index, all) => ![one, all[index - 1]].some((name) => own.includes(name ?? "")),
  );
  arguments_ = [
    join(root, "recipe.yaml"),
    ...options,
    "--cache-dir",
    join(root, "cache"),
    "--dest",
    join(root, "out"),
    "--json",
  ];
});
afterAll(async () => {
  if (root) await rm(root, { recursive: true, force: true });
});

/** A line of `--json`. */
interface Line {
  readonly type: string;
  readonly cell?: string;
  readonly step?: string;
  readonly steps?: readonly { readonly step: string; readonly isCached: boolean; readonly added?: number }[];
  readonly [key: string]: unknown;
}

async function lines(command: "plan" | "build"): Promise<Line[]> {
  const { status, stdout, stderr } = await vmbuilder([command, ...arguments_]);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

const plans = async () => (await lines("plan")).filter(({ type }) => type === "plan");

test("a matrix of hypervisors and sizes is planned, then built with each shared step done once, then planned again", async () => {
  const before = await plans();
  expect(before.map(({ cell }) => cell)).toEqual(CELLS);
  for (const { steps } of before)
    expect(steps).toMatchObject([
      { step: "install", isCached: false, added: 1 },
      { step: "assemble", isCached: false },
    ]);

  const events = await lines("build");
  const cellsWith = (type: string, step: string) =>
    events.filter((event) => event.type === type && event.step === step).map(({ cell }) => cell);
  expect(cellsWith("started", "install/configure")).toEqual(["kvm 2G"]);
  expect(cellsWith("started", "assemble").sort()).toHaveLength(2); // one for each size
  expect(await readdir(join(root, "cache/objects/disk"))).toHaveLength(2);
  expect(events.at(-1)).toMatchObject({ type: "summary", machines: 4, failed: 0 });

  for (const { steps } of await plans()) expect(steps?.map(({ isCached }) => isCached)).toEqual([true, true]);
});

test("each machine of the matrix has its own disk, of its own size and form, and what they share", async () => {
  const ids = new Set<string>();
  for (const cell of CELLS) {
    const hostname = `m-${cell.toLowerCase().replace(" ", "-")}`;
    const format = cell.startsWith("kvm") ? "qcow2" : "vdi";
    const disk = await openGuestDisk(join(root, "out", hostname, `${hostname}.${format}`), format);
    try {
      expect(await disk.read("/etc/hostname")).toBe(`${hostname}\n`);
      expect(await disk.read("/usr/share/extra")).toBe("from the recipe");
      expect(disk.partitions.find(({ number }) => number === 1)?.sizeBytes).toBe(
        (cell.endsWith("2G") ? 2048 : 3072) * MIB,
      );
      ids.add(await disk.read("/etc/fstab"));
    } finally {
      await disk.close();
    }
  }
  expect(ids.size).toBe(CELLS.length);
});
