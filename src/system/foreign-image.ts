import { lstat, open, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { fileError } from "./files.ts";

/** Disk formats that can be read, by the names of qemu's drivers. */
export type ImageDriver = "qcow2" | "raw" | "vmdk" | "vdi" | "vhdx" | "vpc";

/** Drivers by the extension of a file's name. */
const BY_EXTENSION: Readonly<Record<string, ImageDriver>> = {
  ".qcow2": "qcow2",
  ".raw": "raw",
  ".img": "raw",
  ".vmdk": "vmdk",
  ".vdi": "vdi",
  ".vhdx": "vhdx",
  ".vhd": "vpc",
};

/** The driver that a file's name tells of; the content of a foreign file is never asked. */
export function driverByName(path: string): ImageDriver | undefined {
  return BY_EXTENSION[extname(path).toLowerCase()];
}

const LARGEST_DESCRIPTOR_BYTES = 64 * 1024;
const FOOTER_BYTES = 512;

/**
 * Refuses a foreign image that would make a tool open anything but itself: backing and data files, parents, extents
 * elsewhere. It is read here only as far as its header.
 *
 * @param within where it lies in a larger file; default: all of it
 *
 * @throws file-unreadable, image-refused
 */
export async function checkForeignImage(
  path: string,
  driver: ImageDriver,
  within?: { readonly offsetBytes: number; readonly sizeBytes: number },
): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `cannot read ${path}`, { hint: "give a disk image", cause });
  });
  if (!info.isFile() && !info.isBlockDevice())
    throw new VmbuilderError("file-unreadable", `${path} is neither a file nor a disk`, { hint: "give a disk image" });
  const file = await open(path, "r").catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    const start = within?.offsetBytes ?? 0;
    const bytes: ImageBytes = {
      read: (buffer, offset, length, position) => file.read(buffer, offset, length, start + position),
    };
    const why = await CHECKS[driver](bytes, within?.sizeBytes ?? info.size, path);
    if (why === undefined) return;
    throw new VmbuilderError("image-refused", `${path} ${why}`, {
      hint:
        driver === "raw"
          ? "name its format with --input-format"
          : "merge it into one file that stands alone, with the tool that made it",
    });
  } finally {
    await file.close();
  }
}

/** Places count from the image's beginning. */
interface ImageBytes {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<unknown>;
}

type Check = (file: ImageBytes, sizeBytes: number, path: string) => Promise<string | undefined>;

const CHECKS: Readonly<Record<ImageDriver, Check>> = {
  raw: checkRaw,
  qcow2: checkQcow2,
  vmdk: checkVmdk,
  vdi: checkVdi,
  vhdx: async (file) => ((await readAt(file, 0, 8)).toString("latin1") === "vhdxfile" ? undefined : "is no VHDX"),
  vpc: checkVpc,
};

/** How images of other formats begin: no disk begins so. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  "QFI\xfb": "qcow2",
  "QED\0": "QED",
  "KDMV": "VMDK",
  "COWD": "VMDK",
  "# Disk DescriptorFile": "VMDK",
  "vhdxfile": "VHDX",
  "conectix": "VHD",
};

/** Taken for a raw disk it would become one whose guest, or whoever looks at it next, is led to other files. */
async function checkRaw(file: ImageBytes, sizeBytes: number): Promise<string | undefined> {
  const start = (await readAt(file, 0, Math.min(64, sizeBytes))).toString("latin1");
  const found = Object.keys(BEGINNINGS).find((text) => start.startsWith(text));
  return found === undefined ? undefined : `is no raw disk, but looks like ${BEGINNINGS[found]}`;
}

/** @see https://www.qemu.org/docs/master/interop/qcow2.html */
async function checkQcow2(file: ImageBytes): Promise<string | undefined> {
  const header = await readAt(file, 0, 104);
  if (header.readUInt32BE(0) !== 0x514649fb) return "is no qcow2";
  if (header.readBigUInt64BE(8) !== 0n) return "has a backing file";
  if (header.readUInt32BE(32) !== 0) return "is encrypted";
  if (header.readUInt32BE(4) >= 3 && (header.readBigUInt64BE(72) & 4n) !== 0n) return "has an external data file";
  return undefined;
}

/** An image is described by a text, within it or alone. @see vmdk_50_technote.pdf by VMware */
async function checkVmdk(file: ImageBytes, sizeBytes: number, path: string): Promise<string | undefined> {
  const header = await readAt(file, 0, 80);
  if (header.toString("latin1", 0, 4) === "KDMV") {
    if (header.readBigUInt64LE(12) === 0n) return "has extents elsewhere";
    const at = Number(header.readBigUInt64LE(28)) * 512;
    const length = Number(header.readBigUInt64LE(36)) * 512;
    if (at + length > sizeBytes || length > LARGEST_DESCRIPTOR_BYTES) return "has a damaged description";
    const text = (await readAt(file, at, length)).toString("latin1");
    // qemu looks for a parent here, wherever the header says that the description is
    const customary = (await readAt(file, 512, 20 * 512)).toString("latin1");
    return hasParent(text) ?? (/parentFileNameHint/i.test(customary) ? "has a parent disk" : undefined);
  }
  const text = sizeBytes > LARGEST_DESCRIPTOR_BYTES ? "" : (await readAt(file, 0, sizeBytes)).toString("latin1");
  if (!/^# Disk DescriptorFile/i.test(text)) return "is no VMDK of a known kind";
  for (const line of text.split("\n")) {
    const extent = /^\s*(?:RW|RDONLY|NOACCESS)\b.*?(?:"(.*)")?[^"]*$/i.exec(line);
    if (extent && !(await isPlainNeighbour(extent[1] ?? "", path)))
      return "has an extent that is no plain file beside it";
  }
  return hasParent(text);
}

function hasParent(description: string): string | undefined {
  const parent = /^\s*parentCID\s*=\s*"?([0-9a-f]+)/im.exec(description)?.[1];
  const isAlone = (parent === undefined || /^f{8}$/i.test(parent)) && !/parentFileNameHint/i.test(description);
  return isAlone ? undefined : "has a parent disk";
}

/** No path, no address, no link: a file in the same folder. */
async function isPlainNeighbour(name: string, path: string): Promise<boolean> {
  if (name === "" || name !== basename(name) || name.includes(":")) return false;
  const info = await lstat(join(dirname(path), name)).catch(() => undefined);
  return info?.isFile() ?? false;
}

async function checkVdi(file: ImageBytes): Promise<string | undefined> {
  const header = await readAt(file, 0, 80);
  if (header.readUInt32LE(0x40) !== 0xbeda107f) return "is no VDI";
  return [1, 2].includes(header.readUInt32LE(0x4c)) ? undefined : "has a parent disk";
}

async function checkVpc(file: ImageBytes, sizeBytes: number): Promise<string | undefined> {
  for (const at of [0, Math.max(0, sizeBytes - FOOTER_BYTES)]) {
    const footer = await readAt(file, at, FOOTER_BYTES);
    if (footer.toString("latin1", 0, 8) !== "conectix") continue;
    return [2, 3].includes(footer.readUInt32BE(60)) ? undefined : "has a parent disk";
  }
  return "is no VHD";
}

async function readAt(file: ImageBytes, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes;
}
