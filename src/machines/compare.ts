import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { diffFiles, type FileDiff } from "../model/file-diff.ts";
import {
  diffPackages,
  type ListedPackage,
  type PackageDiff,
  parseManifest,
  parseStatus,
} from "../model/package-diff.ts";
import { BUILD_RECORD } from "../stages/destination.ts";
import { readMachineRecord } from "../stages/record.ts";
import { type DiskBytes, diskBytes } from "../system/disk-bytes.ts";
import { convertImage } from "../system/disk-image.ts";
import { type DiskReader, openQcow2, openRaw } from "../system/disk-reader.ts";
import { type DiskTree, hasSameContent, readDiskFile, readDiskTree } from "../system/disk-tree.ts";
import { readSmallFile } from "../system/files.ts";
import { checkForeignImage, driverByName, type ImageDriver } from "../system/foreign-image.ts";

/** What another machine has more, less, and not the same. */
export interface MachineDiff {
  readonly packages: PackageDiff;
  /** Absent when one side is a list of packages, or only these were asked for. */
  readonly files?: FileDiff;
}

interface Side {
  readonly packages: readonly ListedPackage[];
  readonly tree?: DiskTree;
}

const LARGEST_LIST_BYTES = 64 * 1024 * 1024;
const STATUS = "/var/lib/dpkg/status";

/**
 * Compares two machines: folders that vmbuilder made, disk images, or lists of packages. Disks are read without mounting
 * or starting them, as they are now; nothing is written but a copy, for a while, of a disk in a format that isn't read.
 *
 * @throws machine-invalid, image-refused, file-unreadable
 */
export async function compareMachines(
  a: string,
  b: string,
  onlyPackages: boolean,
  signal: AbortSignal,
): Promise<MachineDiff> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const [paths, others] = await Promise.all([disksOf(a, onlyPackages), disksOf(b, onlyPackages)]);
    const bothHaveDisks = paths !== undefined && others !== undefined;
    const [before, after] = await Promise.all([
      readSide(a, bothHaveDisks ? paths : undefined, closing, signal),
      readSide(b, bothHaveDisks ? others : undefined, closing, signal),
    ]);
    const packages = diffPackages(before.packages, after.packages);
    if (!before.tree || !after.tree) return { packages };
    return { packages, files: await diffFiles(before.tree, after.tree, hasSameContent) };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Images of a machine's disks; undefined for a list of packages. */
async function disksOf(path: string, onlyPackages: boolean): Promise<string[] | undefined> {
  if (await isFolder(path)) {
    const hasRecord = await stat(join(path, BUILD_RECORD)).then(
      () => true,
      () => false,
    );
    if (onlyPackages || !hasRecord) return undefined;
    const lists = (await readMachineRecord(path)).build.disks ?? [];
    const readable = lists.filter(([first]) => first && driverByName(first.name) !== undefined);
    const best = readable.find(([first]) => /\.(qcow2|raw)$/.test(first?.name ?? "")) ?? readable[0] ?? lists[0];
    return best && best.length > 0 ? best.map(({ name }) => resolve(path, name)) : undefined;
  }
  return driverByName(path) ? [path] : undefined;
}

async function readSide(
  path: string,
  disks: readonly string[] | undefined,
  closing: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<Side> {
  const images = disks ?? (driverByName(path) && !(await isFolder(path)) ? [path] : undefined);
  if (images === undefined) return { packages: await readManifest(path) };
  const opened: DiskBytes[] = [];
  for (const image of images) opened.push(diskBytes(await openImage(image, closing, signal)));
  const tree = await readDiskTree(opened, path, signal);
  const status = await readDiskFile(tree, STATUS, LARGEST_LIST_BYTES);
  if (status === undefined)
    throw new VmbuilderError("machine-invalid", `${path}: its disk has no ${STATUS}`, {
      hint: "give a machine whose packages dpkg installs",
    });
  return { packages: parseStatus(status), tree };
}

async function openImage(path: string, closing: (() => Promise<void>)[], signal: AbortSignal): Promise<DiskReader> {
  const driver: ImageDriver = driverByName(path) ?? "raw"; // a disk that was written to a device
  const keep = (reader: DiskReader) => {
    closing.push(() => reader.close());
    return reader;
  };
  if (driver === "raw") return keep(await openRaw(path));
  await checkForeignImage(path, driver);
  if (driver === "qcow2") {
    const plain = await openQcow2(path).catch((error: unknown) => {
      if (error instanceof VmbuilderError && error.code === "cache-corrupt") return undefined; // compressed, or otherwise unusual
      throw error;
    });
    if (plain) return keep(plain);
  }
  const scratch = await mkdtemp(join(tmpdir(), "vmbuilder-diff-"));
  closing.push(() => rm(scratch, { recursive: true, force: true }));
  const copy = join(scratch, `${basename(path)}.raw`);
  await convertImage(path, driver, copy, "raw", [], signal);
  return keep(await openRaw(copy));
}

async function readManifest(path: string): Promise<readonly ListedPackage[]> {
  const file = (await isFolder(path)) ? join(path, "manifest") : path;
  const packages = parseManifest(await readSmallFile(file, LARGEST_LIST_BYTES));
  if (packages) return packages;
  throw new VmbuilderError("machine-invalid", `${file} is no list of packages`, {
    hint: "give the folder of a built machine, a disk image, or a machine's file manifest",
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false, // reading it says why
  );
}
