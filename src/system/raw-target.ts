import { constants } from "node:fs";
import { access, open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { DiskIds } from "../model/identity.ts";
import { formatSize, MIB } from "../model/size.ts";
import { type DiskPlan, SECTOR_BYTES } from "../model/storage-plan.ts";
import { patchRaw } from "./disk-image.ts";
import { tablePatches } from "./partition-table.ts";
import { run } from "./process.ts";

/** A file or block device that a disk is written to. */
export interface RawTarget {
  /** Its own path, behind all links. */
  readonly path: string;
  readonly sizeBytes: number;
  /** False when it is known to be empty. */
  readonly holdsData: boolean;
}

/** Where a GPT keeps its copy: the last 33 sectors. */
const BACKUP_BYTES = 33 * SECTOR_BYTES;

/**
 * Looks at what a disk shall be written to: it must be there, be large enough, and nobody may use it. Nothing is changed.
 *
 * @throws raw-unusable
 */
export async function inspectRawTarget(given: string, neededBytes: number): Promise<RawTarget> {
  const refuse = (why: string, hint: string, cause?: unknown) =>
    new VmbuilderError("raw-unusable", `raw: ${given} ${why}`, { hint, cause });
  const path = await realpath(given).catch((cause: unknown) => {
    const size = `${neededBytes / MIB}M`;
    throw refuse("is not there", `give a block device, or make a file: truncate -s ${size} ${given}`, cause);
  });
  const info = await stat(path);
  if (!info.isFile() && !info.isBlockDevice())
    throw refuse("is neither a file nor a block device", "give one of these");
  await access(path, constants.R_OK | constants.W_OK).catch((cause: unknown) => {
    throw refuse("cannot be written to", "run as a user who may write there", cause);
  });
  const device = info.isBlockDevice() ? await readDevice(info.rdev) : undefined;
  if (device && device.sectorBytes !== SECTOR_BYTES)
    throw refuse(`has sectors of ${device.sectorBytes} bytes`, "give a device whose sectors have 512");
  const user = await (device ? userOfDevice(path, device) : userOfFile(path));
  if (user !== undefined) throw refuse(`is in use: ${user}`, "release it first, or give another");
  const sizeBytes = device?.sizeBytes ?? info.size;
  if (sizeBytes < neededBytes)
    throw refuse(`has ${formatSize(sizeBytes)}, the disk needs ${formatSize(neededBytes)}`, "give one that is larger");
  return { path, sizeBytes, holdsData: device !== undefined || info.blocks > 0 };
}

/**
 * Writes a disk: its data, and zeroes where it has none, so that nothing old shows through. On a larger target the copy of
 * the partition table stands at the target's end, and what may have been another disk's table there is gone.
 *
 * @throws raw-unusable, command-failed, disk-full
 */
export async function writeRawTarget(
  overlay: string,
  given: string,
  plan: DiskPlan,
  ids: DiskIds,
  signal: AbortSignal,
): Promise<void> {
  const { path, sizeBytes } = await inspectRawTarget(given, plan.sizeBytes);
  await run(["qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", "-m", "8", "-W", overlay, path], { signal });
  const wholeBytes = Math.floor(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES;
  if (wholeBytes > plan.sizeBytes) {
    const behind = Math.max(plan.sizeBytes, wholeBytes - MIB);
    await patchRaw(path, [
      { offsetBytes: plan.sizeBytes - BACKUP_BYTES, bytes: Buffer.alloc(BACKUP_BYTES) },
      { offsetBytes: behind, bytes: Buffer.alloc(wholeBytes - behind) },
      ...tablePatches({ ...plan, sizeBytes: wholeBytes }, ids),
    ]);
  }
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A block device by its numbers. */
interface Device {
  readonly folder: string;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
}

async function readDevice(rdev: number): Promise<Device> {
  const folder = await realpath(`/sys/dev/block/${major(rdev)}:${minor(rdev)}`);
  const sizeBytes = Number(await readFile(join(folder, "size"), "utf8")) * 512; // whatever its sectors are
  const ofDisk = (at: string) => readFile(join(folder, at, "queue/logical_block_size"), "utf8");
  const sectorBytes = Number(await ofDisk(".").catch(() => ofDisk("..")));
  return { folder, sizeBytes, sectorBytes };
}

/** @see makedev(3): the numbers of a device lie in pieces. */
function major(rdev: number): number {
  return Number(((BigInt(rdev) >> 8n) & 0xfffn) | ((BigInt(rdev) >> 32n) & 0xfffff000n));
}

function minor(rdev: number): number {
  return Number((BigInt(rdev) & 0xffn) | ((BigInt(rdev) >> 12n) & 0xffffff00n));
}

/** Who uses a device, or a partition of it: the kernel lets nobody have it alone then. */
async function userOfDevice(path: string, { folder }: Device): Promise<string | undefined> {
  const below = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const numbers = await Promise.all(
    [".", ...below.map(({ name }) => name)].map((name) => readFile(join(folder, name, "dev"), "utf8").catch(() => "")),
  );
  const own = new Set(numbers.map((text) => text.trim()).filter((text) => text !== ""));
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").map((line) => line.split(" "));
  const mount = mounts.find((fields) => own.has(fields[2] ?? ""));
  if (mount) return `it is mounted at ${mount[4]}`;
  const file = await open(path, constants.O_RDWR | constants.O_EXCL).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EBUSY") return undefined;
    throw new VmbuilderError("raw-unusable", `raw: ${path} cannot be opened`, { cause: error });
  });
  if (!file) return "it is mounted, swap, or part of something";
  await file.close();
  return undefined;
}

/** Who uses a file as a disk: a loop device, swap, or a machine that runs. */
async function userOfFile(path: string): Promise<string | undefined> {
  for (const name of (await readdir("/sys/block")).filter((one) => one.startsWith("loop"))) {
    const backing = await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "");
    if (backing.replace(/\n$/, "") === path) return `it is behind /dev/${name}`;
  }
  const swaps = (await readFile("/proc/swaps", "utf8")).split("\n");
  if (swaps.some((line) => line.startsWith(`${path} `))) return "it is swap";
  const { status } = await run(["qemu-img", "info", "-f", "raw", path], { okStatuses: [0, 1] });
  return status === 0 ? undefined : "another program holds it, such as a machine that runs";
}
