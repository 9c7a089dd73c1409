import { open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import type { DiskPatch } from "./disk-image.ts";
import { CLUSTER_BITS, CLUSTER_BYTES, type DiskReader, openQcow2, openRaw } from "./disk-reader.ts";
import { fileError } from "./files.ts";

const ENTRY_BYTES = 8;
const TABLE_ENTRIES = CLUSTER_BYTES / ENTRY_BYTES;
/** What an entry of the L1 table stands for: a table of entries, a cluster each. */
const L1_ENTRY_BYTES = CLUSTER_BYTES * TABLE_ENTRIES;
/** How many are held in memory. */
const CLUSTERS_AT_ONCE = 64;
const REFCOUNTS_A_BLOCK = CLUSTER_BYTES / 2;
/** Flag of an entry whose cluster is nobody else's. */
const SINGLE_REFERENCE = 1n << 63n;
const HEADER_BYTES = 104;
const BACKING_FORMAT = 0xe2792aca;
const LONGEST_BACKING_NAME = 1023;
/** Clusters of an empty image, in their order; the last may be more than one. */
const [REFCOUNT_TABLE, REFCOUNT_BLOCK, L1_TABLE] = [1, 2, 3];

/** A disk that an overlay stands on; it must never change from now on. */
export interface BackingDisk {
  readonly path: string;
  readonly format: "raw" | "qcow2";
}

/**
 * Makes a qcow2 that holds only what differs from a disk. An empty one is what `qemu-img create` makes; it costs no
 * process here, and no server to write through.
 *
 * @param content what differs: bytes of the disk, in any order, later ones over earlier ones
 * @throws path-unusable, disk-full
 * @see https://www.qemu.org/docs/master/interop/qcow2.html
 */
export async function writeOverlay(
  base: BackingDisk,
  overlay: string,
  sizeBytes: number,
  content: readonly DiskPatch[] = [],
): Promise<void> {
  const first = describe(base.path, base.format, sizeBytes);
  const byCluster = splitByCluster(content);
  const clusters = [...byCluster.keys()].sort((a, b) => a - b);
  const tables = [...new Set(clusters.map((cluster) => Math.floor(cluster / TABLE_ENTRIES)))];
  const firstTable = L1_TABLE + Math.ceil((countL1Entries(sizeBytes) * ENTRY_BYTES) / CLUSTER_BYTES);
  const firstData = firstTable + tables.length;
  const total = firstData + clusters.length;
  if (total > REFCOUNTS_A_BLOCK)
    throw new VmbuilderError("disk-full", `${overlay} would hold more than 2 GB of its own`);
  const places = new Map(clusters.map((cluster, i) => [cluster, firstData + i]));
  const inUse = Buffer.alloc(total * 2);
  for (let i = 0; i < total; i++) inUse.writeUInt16BE(1, i * 2);
  const file = await open(overlay, "wx", 0o644).catch((error: unknown) => {
    throw fileError(error, overlay);
  });
  const reader = clusters.length === 0 ? undefined : await (base.format === "raw" ? openRaw : openQcow2)(base.path);
  try {
    const l1 = entries(countL1Entries(sizeBytes), new Map(tables.map((table, i) => [table, firstTable + i])));
    const l2 = tables.map((table) => {
      const own = clusters.filter((cluster) => Math.floor(cluster / TABLE_ENTRIES) === table);
      return entries(TABLE_ENTRIES, new Map(own.map((cluster) => [cluster % TABLE_ENTRIES, places.get(cluster) ?? 0])));
    });
    const structure = [first, wholeClusters(refcountTable()), wholeClusters(inUse), wholeClusters(l1), ...l2];
    await file.appendFile(Buffer.concat(structure));
    for (let i = 0; reader && i < clusters.length; i += CLUSTERS_AT_ONCE) {
      const some = clusters.slice(i, i + CLUSTERS_AT_ONCE);
      await file.appendFile(await readPatched(reader, some, byCluster));
    }
  } catch (error) {
    throw fileError(error, overlay);
  } finally {
    await Promise.all([file.close(), reader?.close()]);
  }
}

/** Clusters of the base, one after another, with what differs. */
async function readPatched(
  reader: DiskReader,
  clusters: readonly number[],
  byCluster: ReadonlyMap<number, readonly DiskPatch[]>,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(clusters.length * CLUSTER_BYTES);
  await Promise.all(
    clusters.map(async (cluster, i) => {
      const target = bytes.subarray(i * CLUSTER_BYTES, (i + 1) * CLUSTER_BYTES);
      await reader.read(cluster, target);
      for (const patch of byCluster.get(cluster) ?? [])
        patch.bytes.copy(target, patch.offsetBytes - cluster * CLUSTER_BYTES);
    }),
  );
  return bytes;
}

function refcountTable(): Buffer {
  return bigEndian(8, BigInt(REFCOUNT_BLOCK * CLUSTER_BYTES));
}

function wholeClusters(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], Math.ceil(bytes.length / CLUSTER_BYTES) * CLUSTER_BYTES);
}

function splitByCluster(content: readonly DiskPatch[]): Map<number, DiskPatch[]> {
  const byCluster = new Map<number, DiskPatch[]>();
  for (const { offsetBytes, bytes } of content) {
    for (let at = 0; at < bytes.length; ) {
      const cluster = Math.floor((offsetBytes + at) / CLUSTER_BYTES);
      const end = Math.min(bytes.length, (cluster + 1) * CLUSTER_BYTES - offsetBytes);
      const patch = { offsetBytes: offsetBytes + at, bytes: bytes.subarray(at, end) };
      const known = byCluster.get(cluster);
      if (known) known.push(patch);
      else byCluster.set(cluster, [patch]);
      at = end;
    }
  }
  return byCluster;
}

/** A table that says in which cluster of the file each of its rows is kept. */
function entries(count: number, rows: ReadonlyMap<number, number>): Buffer {
  const table = Buffer.alloc(count * ENTRY_BYTES);
  for (const [row, cluster] of rows) {
    table.writeBigUInt64BE(SINGLE_REFERENCE | BigInt(cluster * CLUSTER_BYTES), row * ENTRY_BYTES);
  }
  return table;
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
