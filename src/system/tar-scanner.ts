import { VmbuilderError } from "../model/errors.ts";

/** One entry of a tar archive. */
export interface TarEntry {
  /** Name as stored, for example `./usr/bin/true`. */
  name: string;
  type: "file" | "directory" | "symlink" | "hardlink" | "device" | "fifo" | "other";
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  sizeBytes: number;
  /** Target of a link as stored; empty for all else. */
  linkTarget: string;
  /** Extended attributes by name, for example `security.capability`. */
  xattrs: ReadonlyMap<string, Buffer>;
}

/** What a scanner tells of a stream of archives. */
export interface TarHandler {
  onEntry(entry: TarEntry): void;
  /** A piece of the latest entry's content. */
  onContent?(piece: Buffer): void;
  /** An archive has ended; the next entry belongs to the next one. */
  onEnd(): void;
}

const BLOCK = 512;
const XATTR_PREFIX = "SCHILY.xattr.";
const TYPES: Record<string, TarEntry["type"]> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "fifo",
};

/**
 * Reads the headers of one or more concatenated tar archives as their bytes pass by; nothing is kept but the header at hand.
 * Understands ustar, GNU long names and pax headers.
 *
 * @see https://manpages.debian.org/tar.5
 */
export class TarScanner {
  readonly #handler: TarHandler;
  #partial: Buffer = Buffer.alloc(0);
  #contentLeft = 0;
  #paddingLeft = 0;
  /** An extension header's content, while it is collected. */
  #extension: { type: string; pieces: Buffer[] } | undefined;
  /** What extension headers have said of the next entry, by pax keyword. */
  #extended = new Map<string, Buffer>();
  #inArchive = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** @throws package-malformed when a header's checksum is wrong */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#contentLeft > 0) {
        const piece = chunk.subarray(at, at + this.#contentLeft);
        at += piece.length;
        this.#content(piece);
      } else if (this.#paddingLeft > 0) {
        const skipped = Math.min(this.#paddingLeft, chunk.length - at);
        at += skipped;
        this.#paddingLeft -= skipped;
      } else if (this.#partial.length > 0 || chunk.length - at < BLOCK) {
        const taken = chunk.subarray(at, at + BLOCK - this.#partial.length);
        at += taken.length;
        const block: Buffer = Buffer.concat([this.#partial, taken]);
        if (block.length === BLOCK) {
          this.#partial = Buffer.alloc(0);
          this.#header(block);
        } else this.#partial = block;
      } else {
        this.#header(chunk.subarray(at, at + BLOCK));
        at += BLOCK;
      }
    }
  }

  /** True between archives: whether the stream may end here. */
  get complete(): boolean {
    return !this.#inArchive && this.#partial.length === 0;
  }

  #content(piece: Buffer): void {
    this.#contentLeft -= piece.length;
    if (!this.#extension) {
      this.#handler.onContent?.(piece);
      return;
    }
    this.#extension.pieces.push(Buffer.from(piece));
    if (this.#contentLeft === 0) {
      const content = Buffer.concat(this.#extension.pieces);
      if (this.#extension.type === "L") this.#extended.set("path", untilNul(content));
      if (this.#extension.type === "K") this.#extended.set("linkpath", untilNul(content));
      if (this.#extension.type === "x")
        for (const [keyword, value] of paxRecords(content)) this.#extended.set(keyword, value);
      this.#extension = undefined;
    }
  }

  #header(block: Buffer): void {
    if (isZero(block)) {
      if (this.#inArchive) this.#handler.onEnd();
      this.#inArchive = false;
      return;
    }
    verifyChecksum(block);
    this.#inArchive = true;
    const typeFlag = String.fromCharCode(block[156] ?? 0);
    let sizeBytes = readNumber(block, 124, 12);
    if (typeFlag === "L" || typeFlag === "K" || typeFlag === "x" || typeFlag === "g") {
      if (sizeBytes > 1024 * 1024)
        throw new VmbuilderError("package-malformed", "a tar extension header is larger than 1 MiB");
      this.#extension = sizeBytes === 0 ? undefined : { type: typeFlag, pieces: [] };
    } else {
      // Too large for the header's field, or by choice; tar believes it, so what follows is content.
      if (this.#extended.has("size")) sizeBytes = paxSize(this.#extended.get("size"));
      this.#handler.onEntry(describeEntry(block, TYPES[typeFlag] ?? "other", sizeBytes, this.#extended));
      if (this.#extended.size > 0) this.#extended = new Map();
    }
    this.#contentLeft = sizeBytes;
    this.#paddingLeft = (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
  }
}

function describeEntry(
  block: Buffer,
  type: TarEntry["type"],
  sizeBytes: number,
  extended: ReadonlyMap<string, Buffer>,
): TarEntry {
  const number = (keyword: string, at: number, length: number) =>
    extended.has(keyword) ? Number(extended.get(keyword)) : readNumber(block, at, length);
  const xattrs = [...extended].filter(([keyword]) => keyword.startsWith(XATTR_PREFIX));
  return {
    name: extended.get("path")?.toString("utf8") ?? readName(block),
    type,
    mode: readNumber(block, 100, 8),
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    mtimeSeconds: number("mtime", 136, 12),
    sizeBytes,
    linkTarget: extended.get("linkpath")?.toString("utf8") ?? readText(block, 157, 100),
    xattrs: new Map(xattrs.map(([keyword, value]) => [keyword.slice(XATTR_PREFIX.length), value])),
  };
}

/** Records `LENGTH KEYWORD=VALUE\n` of a pax header; a value may hold any bytes, so that only the lengths tell the ends. */
function* paxRecords(content: Buffer): Generator<[string, Buffer]> {
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(" ", at);
    const length = Number(content.toString("latin1", at, space));
    const equals = content.indexOf("=", space);
    if (space === -1 || equals === -1 || !(length > 0) || content[at + length - 1] !== 10)
      throw new VmbuilderError("package-malformed", "a pax header's record has a wrong length");
    yield [content.toString("utf8", space + 1, equals), content.subarray(equals + 1, at + length - 1)];
    at += length;
  }
}

function paxSize(value: Buffer | undefined): number {
  const text = String(value);
  if (!/^\d{1,15}$/.test(text)) throw new VmbuilderError("package-malformed", "a pax header's size is no number");
  return Number(text);
}

function untilNul(content: Buffer): Buffer {
  const end = content.indexOf(0);
  return end === -1 ? content : content.subarray(0, end);
}

function readName(block: Buffer): string {
  const name = readText(block, 0, 100);
  const prefix = block.toString("latin1", 257, 262) === "ustar" && block[262] === 0 ? readText(block, 345, 155) : "";
  return prefix ? `${prefix}/${name}` : name;
}

function readText(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString("utf8", start, end === -1 || end > start + length ? start + length : end);
}

function readNumber(block: Buffer, start: number, length: number): number {
  if (((block[start] ?? 0) & 0x80) !== 0) return Number(block.readBigUInt64BE(start + length - 8));
  return Number.parseInt(readText(block, start, length).trim() || "0", 8);
}

function verifyChecksum(block: Buffer): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  if (sum !== readNumber(block, 148, 8))
    throw new VmbuilderError("package-malformed", "a tar header's checksum is wrong");
}

function isZero(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}
