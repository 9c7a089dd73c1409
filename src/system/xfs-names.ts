import { VmbuilderError } from "../model/errors.ts";

/** What ends a word in a prototype. */
const BLANKS = new Set(Buffer.from(" \t\n"));
const COLON = 0x3a;
const SLASH = 0x2f;

/**
 * A name that a prototype can hold, in the place of one that it can't: one with blanks, or that begins with a colon, as a
 * remark does. It has the same length and the same place in its folder: XFS's hash of a name turns by seven bits for each
 * byte, so that the lowest bit of a byte and the highest of the next fall together, and changing both changes nothing.
 *
 * @throws storage-impossible when there is none
 * @see libxfs, xfs_da_hashname
 */
export function standIn(name: Buffer): Buffer {
  const bytes = Buffer.from(name);
  for (let i = 0; i < bytes.length; i++) {
    if (!isMisread(bytes, i)) continue;
    const [low, high] = i + 1 < bytes.length ? [i, i + 1] : [i - 1, i];
    if (low < 0) throw refused(name);
    bytes.writeUInt8(bytes.readUInt8(low) ^ 0x01, low);
    bytes.writeUInt8(bytes.readUInt8(high) ^ 0x80, high);
  }
  const isUsable = bytes.every((byte, i) => byte !== SLASH && !isMisread(bytes, i));
  if (!isUsable || bytes.toString("latin1") === "$") throw refused(name);
  return bytes;
}

function isMisread(name: Buffer, at: number): boolean {
  return BLANKS.has(name.readUInt8(at)) || (at === 0 && name.readUInt8(0) === COLON);
}

function refused(name: Buffer): VmbuilderError {
  return new VmbuilderError("storage-impossible", `xfs cannot be made with a file named "${name}"`, {
    hint: "use ext4 or btrfs for this file system",
  });
}
