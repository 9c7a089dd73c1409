import { open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { fileError } from "./files.ts";

const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 2 ** CLUSTER_BITS;
/** What an entry of the L1 table stands for: one cluster of entries of eight bytes, a cluster each. */
const L1_ENTRY_BYTES = CLUSTER_BYTES * (CLUSTER_BYTES / 8);
const HEADER_BYTES = 104;
const BACKING_FORMAT = 0xe2792aca;
const LONGEST_BACKING_NAME = 1023;
/** Clusters of an empty image, in their order; the last may be more than one. */
const [REFCOUNT_TABLE, REFCOUNT_BLOCK, L1_TABLE] = [1, 2, 3];

/**
 * Makes a qcow2 that holds only what differs from `base`, which must never change from now on. It is what `qemu-img create`
 * makes; written here, it costs no process, of which a clone has few.
 *
 * @param sizeBytes size of the disk, which is the base's
 * @throws path-unusable, disk-full
 * @see https://www.qemu.org/docs/master/interop/qcow2.html
 */
export async function createOverlay(
  base: string,
  baseFormat: "raw" | "qcow2",
  overlay: string,
  sizeBytes: number,
): Promise<void> {
  const first = describe(base, baseFormat, sizeBytes);
  const file = await open(overlay, "wx", 0o644).catch((error: unknown) => {
    throw fileError(error, overlay);
  });
  try {
    await file.write(first, 0, CLUSTER_BYTES, 0);
    await file.write(bigEndian(8, BigInt(REFCOUNT_BLOCK * CLUSTER_BYTES)), 0, 8, REFCOUNT_TABLE * CLUSTER_BYTES);
    const clusters = L1_TABLE + Math.ceil((countL1Entries(sizeBytes) * 8) / CLUSTER_BYTES);
    const inUse = Buffer.concat(Array.from({ length: clusters }, () => bigEndian(2, 1n)));
    await file.write(inUse, 0, inUse.length, REFCOUNT_BLOCK * CLUSTER_BYTES);
    await file.truncate(clusters * CLUSTER_BYTES);
  } catch (error) {
    throw fileError(error, overlay);
  } finally {
    await file.close();
  }
}

/** The first cluster: header, the base's format as an extension, the base's name. */
function describe(base: string, baseFormat: string, sizeBytes: number): Buffer {
  const name = Buffer.from(base);
  if (name.length > LONGEST_BACKING_NAME) {
    throw new VmbuilderError("path-unusable", `${base} is too long for an image to name it`, {
      hint: "choose a shorter path with --cache-dir",
    });
  }
  const format = Buffer.from(baseFormat);
  const extensions = Buffer.concat([
    bigEndian(4, BigInt(BACKING_FORMAT)),
    bigEndian(4, BigInt(format.length)),
    Buffer.concat([format], 8),
    bigEndian(8, 0n),
  ]);
  const fields: readonly [bytes: number, value: number][] = [
    [4, 0x514649fb], // QFI and 0xfb
    [4, 3], // version
    [8, HEADER_BYTES + extensions.length], // backing file name: where, how long
    [4, name.length],
    [4, CLUSTER_BITS],
    [8, sizeBytes],
    [4, 0], // encryption
    [4, countL1Entries(sizeBytes)],
    [8, L1_TABLE * CLUSTER_BYTES],
    [8, REFCOUNT_TABLE * CLUSTER_BYTES],
    [4, 1], // clusters of the refcount table
    [4, 0], // snapshots: how many, where
    [8, 0],
    [8, 0], // features: incompatible, compatible, autoclear
    [8, 0],
    [8, 0],
    [4, 4], // a refcount has 2^4 bits
    [4, HEADER_BYTES],
  ];
  const header = Buffer.concat(fields.map(([bytes, value]) => bigEndian(bytes, BigInt(value))));
  return Buffer.concat([header, extensions, name], CLUSTER_BYTES);
}

function countL1Entries(sizeBytes: number): number {
  return Math.ceil(sizeBytes / L1_ENTRY_BYTES);
}

function bigEndian(bytes: number, value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return buffer.subarray(8 - bytes);
}
