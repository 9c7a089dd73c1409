import { createHash } from "node:crypto";
import { VmbuilderError } from "../../../model/errors.ts";

/** A certificate: an OpenPGP key with its names, subkeys and signatures. */
export interface PublicKey {
  /** Of the primary key, in capital letters. */
  readonly fingerprint: string;
  readonly bytes: Buffer;
}

const PUBLIC_KEY = 6;
const SECRET_KEYS = [5, 7];
/** Signature, trust, user id, subkey, attribute: what belongs to the key before it. */
const PARTS = [2, 12, 13, 14, 17];
const ARMOR =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]*?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * Takes a file of public keys apart, in armor or binary form. Nothing is verified here: gpgv does that, with a keyring of
 * what this returns.
 *
 * @param name how an error names the file
 * @throws key-unusable
 * @see https://www.rfc-editor.org/rfc/rfc9580
 */
export function readPublicKeys(file: Buffer, name: string): PublicKey[] {
  const text = file.toString("latin1");
  if (/-----BEGIN PGP PRIVATE KEY/.test(text)) throw unusable(name, "holds a private key");
  if (text.slice(8, 12) === "KBXf") throw unusable(name, "is gpg's own store");
  const blocks = [...text.matchAll(ARMOR)].map((match) => Buffer.from(match[1] ?? "", "base64"));
  const keys = (blocks.length > 0 ? blocks : [file]).flatMap((block) => splitKeys(block, name));
  if (keys.length === 0) throw unusable(name, "holds no key");
  return keys;
}

interface Packet {
  readonly tag: number;
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
}

function splitKeys(bytes: Buffer, name: string): PublicKey[] {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const packet = readPacket(bytes, at, name);
    if (SECRET_KEYS.includes(packet.tag)) throw unusable(name, "holds a private key");
    if (packet.tag !== PUBLIC_KEY && (!PARTS.includes(packet.tag) || packets.length === 0))
      throw unusable(name, "is no file of public keys");
    packets.push(packet);
    at = packet.end;
  }
  const starts = packets.filter(({ tag }) => tag === PUBLIC_KEY);
  return starts.map((packet, i) => ({
    fingerprint: fingerprintOf(bytes.subarray(packet.bodyStart, packet.end), name),
    bytes: bytes.subarray(packet.start, starts[i + 1]?.start ?? bytes.length),
  }));
}

/** @see https://www.rfc-editor.org/rfc/rfc9580#section-4.2 */
function readPacket(bytes: Buffer, start: number, name: string): Packet {
  const byte = (at: number) => {
    const value = bytes[at];
    if (value === undefined) throw unusable(name, "ends within a key");
    return value;
  };
  const number = (at: number, length: number) => {
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + byte(at + i);
    return value;
  };
  const first = byte(start);
  if ((first & 0x80) === 0) throw unusable(name, "is no file of public keys");
  const finish = (tag: number, bodyStart: number, length: number): Packet => {
    if (bodyStart + length > bytes.length) throw unusable(name, "ends within a key");
    return { tag, start, bodyStart, end: bodyStart + length };
  };
  if (first & 0x40) {
    const tag = first & 0x3f;
    const length = byte(start + 1);
    if (length < 192) return finish(tag, start + 2, length);
    if (length < 224) return finish(tag, start + 3, (length - 192) * 256 + byte(start + 2) + 192);
    if (length === 255) return finish(tag, start + 6, number(start + 2, 4));
    throw unusable(name, "is no file of public keys");
  }
  const lengthBytes = [1, 2, 4][first & 3];
  if (lengthBytes === undefined) throw unusable(name, "is no file of public keys");
  return finish((first >> 2) & 0xf, start + 1 + lengthBytes, number(start + 1, lengthBytes));
}

/** @see https://www.rfc-editor.org/rfc/rfc9580#section-5.5.4 */
function fingerprintOf(body: Buffer, name: string): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const hash = (algorithm: string, ...pieces: Uint8Array[]) =>
    createHash(algorithm)
      .update(Buffer.concat([...pieces, body]))
      .digest("hex")
      .toUpperCase();
  if (body[0] === 4) return hash("sha1", Buffer.from([0x99]), length.subarray(2));
  if (body[0] === 6) return hash("sha256", Buffer.from([0x9b]), length);
  throw unusable(name, `holds a key of version ${body[0] ?? "?"}, which nothing verifies any more`);
}

function unusable(name: string, why: string): VmbuilderError {
  return new VmbuilderError("key-unusable", `${name} ${why}`, {
    hint: "give the public keys as gpg --export or gpg --armor --export writes them",
  });
}
