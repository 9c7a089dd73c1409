import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";

/** A file or folder of an ISO image: where its bytes stand. */
export interface IsoEntry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly offset: number;
  readonly sizeBytes: number;
}

const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MOST_DESCRIPTORS = 64;
const LARGEST_DIRECTORY_BYTES = 64 * 1024 * 1024;
const LONGEST_NAME = 255;
const MOST_CONTINUATIONS = 16;
const DIRECTORY = 0x02;
const MULTI_EXTENT = 0x80;

/** An ISO image that is read without being mounted. */
export interface IsoImage {
  /** Entries of a folder, by its path without slashes at its ends; none when it isn't there. */
  list(path: string): Promise<IsoEntry[]>;
  find(path: string): Promise<IsoEntry | undefined>;
  /** A whole file. @throws media-invalid when it is larger than the limit */
  read(entry: IsoEntry, limitBytes: number): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Opens an ISO 9660 image; names are those of Rock Ridge where it has them. Links in it are not followed.
 *
 * @throws media-invalid, file-unreadable
 * @see https://ecma-international.org/publications-and-standards/standards/ecma-119/
 */
export async function openIso(path: string): Promise<IsoImage> {
  const file = await open(path, "r").catch((cause: Error) => {
    throw new VmbuilderError("file-unreadable", `cannot read ${path}: ${cause.message.split(",")[0]}`, { cause });
  });
  try {
    const { size } = await file.stat();
    return imageOf({ file, path, size }, await readRoot({ file, path, size }));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a file of an image, by the address that {@link isoAddress} makes. */
export async function openIsoFile(address: string): Promise<ReturnType<typeof createReadStream>> {
  const [path = "", inner = ""] = address.replace(/^iso:/, "").split("#").map(decodeURIComponent);
  const iso = await openIso(path);
  try {
    const entry = await iso.find(inner);
    if (!entry || entry.isDirectory) throw new VmbuilderError("package-missing", `${path} has no ${inner}`);
    return createReadStream(path, { start: entry.offset, end: entry.offset + entry.sizeBytes - 1 });
  } finally {
    await iso.close();
  }
}

/** The address of a file of an image, for downloads. */
export function isoAddress(path: string, inner: string): string {
  return `iso:${encodeURIComponent(path)}#${encodeURIComponent(inner)}`;
}

interface Source {
  readonly file: FileHandle;
  readonly path: string;
  readonly size: number;
}

function imageOf(source: Source, root: IsoEntry): IsoImage {
  const known = new Map<number, IsoEntry[]>();
  const entriesOf = async (directory: IsoEntry) => {
    const entries = known.get(directory.offset) ?? (await readDirectory(source, directory));
    known.set(directory.offset, entries);
    return entries;
  };
  const find = async (path: string) => {
    let entry: IsoEntry | undefined = root;
    for (const part of path.split("/").filter((one) => one !== "")) {
      if (!entry?.isDirectory) return undefined;
      entry = (await entriesOf(entry)).find(({ name }) => name === part);
    }
    return entry;
  };
  return {
    find,
    async list(path) {
      const entry = await find(path);
      return entry?.isDirectory ? entriesOf(entry) : [];
    },
    read(entry, limitBytes) {
      if (entry.sizeBytes > limitBytes) throw invalid(source.path, `${entry.name} is larger than ${limitBytes} bytes`);
      return readAt(source, entry.offset, entry.sizeBytes);
    },
    close: () => source.file.close(),
  };
}

async function readRoot(source: Source): Promise<IsoEntry> {
  for (let n = 0; n < MOST_DESCRIPTORS; n++) {
    const at = (FIRST_DESCRIPTOR + n) * SECTOR;
    if (at + SECTOR > source.size) break;
    const descriptor = await readAt(source, at, SECTOR);
    if (descriptor.toString("latin1", 1, 6) !== "CD001") break;
    if (descriptor[0] === 255) break;
    if (descriptor[0] !== 1) continue;
    if (descriptor.readUInt16LE(128) !== SECTOR) throw invalid(source.path, "its blocks have an unusual size");
    const root = descriptor.subarray(156, 190);
    return { name: "", isDirectory: true, offset: root.readUInt32LE(2) * SECTOR, sizeBytes: root.readUInt32LE(10) };
  }
  throw invalid(source.path, "it is no ISO image");
}

async function readDirectory(source: Source, directory: IsoEntry): Promise<IsoEntry[]> {
  if (directory.sizeBytes > LARGEST_DIRECTORY_BYTES) throw invalid(source.path, "a folder in it is too large");
  const bytes = await readAt(source, directory.offset, directory.sizeBytes);
  const entries: IsoEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    if (length === 0) {
      at = (Math.floor(at / SECTOR) + 1) * SECTOR; // a record doesn't cross sectors
      continue;
    }
    const record = bytes.subarray(at, at + length);
    const nameLength = record[32] ?? 0;
    if (record.length < 34 || record.length < 33 + nameLength) throw invalid(source.path, "a folder in it is damaged");
    at += length;
    if (nameLength === 1 && (record[33] ?? 0) < 2) continue; // the folder itself, and the one above
    const flags = record[25] ?? 0;
    if (flags & MULTI_EXTENT) continue; // larger than 4 GiB: no package is
    const plain = record.toString("latin1", 33, 33 + nameLength).replace(/\.?;\d+$/, "");
    const name = await rockRidgeName(source, record.subarray(33 + nameLength + (nameLength % 2 === 0 ? 1 : 0)));
    entries.push({
      name: name ?? plain.toLowerCase(),
      isDirectory: (flags & DIRECTORY) !== 0,
      offset: record.readUInt32LE(2) * SECTOR,
      sizeBytes: record.readUInt32LE(10),
    });
  }
  return entries;
}

/** Names stand in pieces in a record's rest, which may go on elsewhere. @see IEEE P1281 and P1282 */
async function rockRidgeName(source: Source, area: Buffer): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let rest: Buffer | undefined = area;
  for (let n = 0; rest && n < MOST_CONTINUATIONS; n++) {
    let next: { offset: number; length: number } | undefined;
    for (let at = 0; at + 4 <= rest.length; ) {
      const signature = rest.toString("latin1", at, at + 2);
      const length = rest[at + 2] ?? 0;
      if (length < 4 || at + length > rest.length) break;
      if (signature === "NM" && length > 5) pieces.push(rest.subarray(at + 5, at + length));
      if (signature === "CE" && length >= 28)
        next = {
          offset: rest.readUInt32LE(at + 4) * SECTOR + rest.readUInt32LE(at + 12),
          length: rest.readUInt32LE(at + 20),
        };
      if (signature === "ST") break;
      at += length;
    }
    rest = next && next.length <= SECTOR ? await readAt(source, next.offset, next.length) : undefined;
  }
  const name = Buffer.concat(pieces).toString("utf8");
  return name !== "" && name.length <= LONGEST_NAME && !/[/\0]/.test(name) && !/^\.\.?$/.test(name) ? name : undefined;
}

async function readAt({ file, path, size }: Source, offset: number, length: number): Promise<Buffer> {
  if (offset + length > size) throw invalid(path, "it ends too early: perhaps its download was not complete");
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes;
}

function invalid(path: string, why: string): VmbuilderError {
  return new VmbuilderError("media-invalid", `${path}: ${why}`, {
    hint: "compare the file with its published checksum",
  });
}
