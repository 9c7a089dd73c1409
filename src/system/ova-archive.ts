import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { VmbuilderError } from "../model/errors.ts";
import { fileError } from "./files.ts";
import { driverByName, type ImageDriver } from "./foreign-image.ts";

/** A disk within an OVA, and where its bytes are. */
export interface OvaDisk {
  readonly name: string;
  readonly driver: ImageDriver;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** As the archive's own list of hashes says, if there is one. */
  readonly hash: { readonly algorithm: "sha1" | "sha256" | "sha512"; readonly hex: string } | undefined;
}

interface Member {
  readonly name: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

const BLOCK = 512;
const MOST_MEMBERS = 1000;
const LARGEST_TEXT_BYTES = 1024 * 1024;

/**
 * Finds the disks of an OVA, in the order of its description. It may come from anybody: an archive with anything but plain files
 * of plain names, and a description with entities, are refused.
 *
 * @throws file-unreadable, image-refused
 * @see https://www.dmtf.org/standards/ovf
 */
export async function readOva(path: string): Promise<OvaDisk[]> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    const members = await listMembers(file, path);
    const text = async (suffix: string) => {
      const found = members.filter(({ name }) => name.toLowerCase().endsWith(suffix));
      if (found.length !== 1 || !found[0]) return undefined;
      if (found[0].sizeBytes > LARGEST_TEXT_BYTES) throw refused(path, `has a giant ${found[0].name}`);
      return (await readAt(file, found[0].offsetBytes, found[0].sizeBytes)).toString("utf8");
    };
    const description = await text(".ovf");
    if (description === undefined) throw refused(path, "does not hold one description (.ovf)");
    const hashes = readManifest((await text(".mf")) ?? "");
    return diskNames(description, path).map((name) => {
      const member = members.find((one) => one.name === name);
      if (!member) throw refused(path, `does not hold its disk ${name}`);
      const driver = driverByName(name);
      if (driver === undefined) throw refused(path, `has a disk of an unknown format: ${name}`);
      return { ...member, driver, hash: hashes.get(name) };
    });
  } finally {
    await file.close();
  }
}

/**
 * Copies a disk out of an OVA.
 *
 * @throws image-refused when it isn't what the archive's list of hashes says
 */
export async function extractOvaDisk(path: string, disk: OvaDisk, target: string, signal: AbortSignal): Promise<void> {
  const hash = createHash(disk.hash?.algorithm ?? "sha256");
  const source = createReadStream(path, {
    start: disk.offsetBytes,
    end: disk.offsetBytes + disk.sizeBytes - 1,
    highWaterMark: 1024 * 1024,
  });
  source.on("data", (piece) => hash.update(piece));
  await pipeline(source, createWriteStream(target, { flags: "wx" }), { signal });
  if (disk.hash && hash.digest("hex") !== disk.hash.hex)
    throw new VmbuilderError(
      "image-refused",
      `${path}: ${disk.name} does not have the hash that stands in its manifest`,
      {
        hint: "it was damaged or changed: fetch it again",
      },
    );
}

/** ustar, as the standard wants it. @see https://manpages.debian.org/tar.5 */
async function listMembers(file: FileHandle, path: string): Promise<Member[]> {
  const { size } = await file.stat();
  const members: Member[] = [];
  for (let at = 0; ; ) {
    const header = await readAt(file, at, BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (header.toString("latin1", 257, 262) !== "ustar" || !hasChecksum(header)) throw refused(path, "is no OVA");
    const name = text(header, 0, 100).replace(/^\.\//, "");
    const type = header[156];
    if (
      (type !== 0x30 && type !== 0) ||
      name !== basename(name) ||
      /[\0\\]|^\.{0,2}$/.test(name) ||
      text(header, 345, 155) !== ""
    )
      throw refused(path, `holds something else than plain files: ${JSON.stringify(name)}`);
    const sizeBytes =
      header[124] === 0x80
        ? Number(header.readBigUInt64BE(128))
        : Number.parseInt(text(header, 124, 12).trim() || "0", 8);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || at + BLOCK + sizeBytes > size)
      throw refused(path, "ends within a file");
    members.push({ name, offsetBytes: at + BLOCK, sizeBytes });
    at += BLOCK + Math.ceil(sizeBytes / BLOCK) * BLOCK;
    if (at >= size || members.length > MOST_MEMBERS) break;
  }
  return members;
}

/** Files of the disks that the description names. It is read by patterns: entities, which would need a parser, are refused. */
function diskNames(description: string, path: string): string[] {
  if (/<!(DOCTYPE|ENTITY)/i.test(description)) throw refused(path, "has a description with a document type");
  const plain = description.replace(/<!--[\s\S]*?(?:-->|$)/g, ""); // one without an end goes to the text's
  const files = new Map(elements(plain, "File").map((file) => [attribute(file, "id"), file]));
  const names = elements(plain, "Disk").flatMap((disk) => {
    const reference = attribute(disk, "fileRef");
    if (reference === undefined) return []; // an empty disk
    const file = files.get(reference) ?? "";
    if (attribute(file, "compression") !== undefined) throw refused(path, "has a disk that is compressed once more");
    if (attribute(file, "chunkSize") !== undefined) throw refused(path, "has a disk in several pieces");
    const name = attribute(file, "href") ?? "";
    if (name === "" || name !== basename(name) || /[&:\\]/.test(name)) throw refused(path, "has a disk elsewhere");
    return [name];
  });
  if (names.length === 0) throw refused(path, "has no disk");
  if (names.length > MOST_MEMBERS) throw refused(path, `has more than ${MOST_MEMBERS} disks`);
  return names;
}

function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<(?:[A-Za-z]+:)?${name}\\s[^<>]*>`, "g"))].map(([element]) => element);
}

function attribute(element: string, name: string): string | undefined {
  const [, double, single] =
    new RegExp(`\\s(?:[A-Za-z]+:)?${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(element) ?? [];
  return double ?? single;
}

/** Lines `SHA256(web.vmdk)= 0123…` */
function readManifest(manifest: string): Map<string, OvaDisk["hash"]> {
  return new Map(
    [...manifest.matchAll(/^SHA(1|256|512) ?\((.+)\) ?= ?([0-9a-f]+)\r?$/gim)].map(([, bits, name, hex]) => [
      String(name),
      { algorithm: `sha${bits}` as "sha1" | "sha256" | "sha512", hex: String(hex).toLowerCase() },
    ]),
  );
}

function hasChecksum(header: Buffer): boolean {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  return Number.parseInt(text(header, 148, 8).trim(), 8) === sum;
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.toString("utf8", start, start + length);
  return field.split("\0", 1)[0] ?? "";
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes;
}

function refused(path: string, why: string): VmbuilderError {
  return new VmbuilderError("image-refused", `${path} ${why}`, {
    hint: "export it again, as one OVA with its disks inside",
  });
}
