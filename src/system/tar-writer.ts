import type { FileEdit } from "../model/file-edit.ts";

const BLOCK = 512;

/** A tree entry to write as tar; the edits that remove something have no place in an archive. */
export type TarItem =
  | Exclude<FileEdit, { kind: "remove" }>
  | { kind: "file"; path: string; content: Buffer; mode: number; mtimeSeconds?: number };

/**
 * Writes entries as ustar with GNU long names; owners are numbers, times are `mtimeSeconds` unless an item has its own.
 * An archive's end is marked, so that several can follow one another for `tar --ignore-zeros`.
 */
export function writeTar(items: readonly TarItem[], mtimeSeconds: number): Buffer {
  return Buffer.concat([...items.flatMap((item) => writeItem(item, mtimeSeconds)), endOfTar()]);
}

/** Header of a plain file whose content the caller streams, with {@link tarPadding} behind it. */
export function tarFileHeader(name: string, sizeBytes: number): Buffer {
  return Buffer.concat([...longName(name), header(name, "0", 0o644, sizeBytes, { uid: 0, gid: 0 }, 0)]);
}

/** Zeros that fill the last block of a file. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export function endOfTar(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

function writeItem(item: TarItem, mtimeSeconds: number): Buffer[] {
  const name = `.${item.path}${item.kind === "directory" ? "/" : ""}`;
  const owner = { uid: "uid" in item ? (item.uid ?? 0) : 0, gid: "gid" in item ? (item.gid ?? 0) : 0 };
  if (item.kind === "symlink") {
    const target = Buffer.byteLength(item.target) > 100 ? longText("K", item.target) : [];
    return [...longName(name), ...target, header(name, "2", 0o777, 0, owner, mtimeSeconds, item.target)];
  }
  if (item.kind === "directory") return [...longName(name), header(name, "5", item.mode, 0, owner, mtimeSeconds)];
  const content = Buffer.from(item.content);
  const mtime = "mtimeSeconds" in item ? (item.mtimeSeconds ?? mtimeSeconds) : mtimeSeconds;
  return [...longName(name), header(name, "0", item.mode, content.length, owner, mtime), ...padded(content)];
}

function longName(name: string): Buffer[] {
  return Buffer.byteLength(name) > 100 ? longText("L", name) : [];
}

function longText(type: string, text: string): Buffer[] {
  const content = Buffer.from(`${text}\0`);
  return [header("././@LongLink", type, 0, content.length, { uid: 0, gid: 0 }, 0), ...padded(content)];
}

function header(
  name: string,
  type: string,
  mode: number,
  size: number,
  owner: { uid: number; gid: number },
  mtime: number,
  target = "",
): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100);
  writeOctal(block, mode, 100, 8);
  writeOctal(block, owner.uid, 108, 8);
  writeOctal(block, owner.gid, 116, 8);
  writeOctal(block, size, 124, 12);
  writeOctal(block, mtime, 136, 12);
  block.fill(" ", 148, 156);
  block.write(type, 156);
  block.write(target, 157, 100);
  block.write("ustar\x0000", 257, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A number that needs more digits, as the size of a file of 8 GiB, is stored in binary. @see tar(5), base-256 */
function writeOctal(block: Buffer, value: number, at: number, length: number): void {
  if (value >= 8 ** (length - 1)) {
    block[at] = 0x80;
    block.writeBigUInt64BE(BigInt(value), at + length - 8);
    return;
  }
  block.write(value.toString(8).padStart(length - 1, "0"), at);
}

function padded(content: Buffer): Buffer[] {
  return [content, tarPadding(content.length)];
}
