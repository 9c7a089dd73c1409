import { VmbuilderError } from "../model/errors.ts";
import { CLUSTER_BITS, CLUSTER_BYTES } from "./disk-reader.ts";

const ENTRY_BYTES = 8;
/** Clusters that a table of the second level names. */
export const TABLE_ENTRIES = CLUSTER_BYTES / ENTRY_BYTES;
/** Clusters that a block of refcounts counts. */
export const REFCOUNTS_A_BLOCK = CLUSTER_BYTES / 2;
/** What an entry of the L1 table stands for: a table of entries, a cluster each. */
const L1_ENTRY_BYTES = CLUSTER_BYTES * TABLE_ENTRIES;
/** Flag of an entry whose cluster is nobody else's. */
const SINGLE_REFERENCE = 1n << 63n;
const HEADER_BYTES = 104;
const BACKING_FORMAT = 0xe2792aca;
const LONGEST_BACKING_NAME = 1023;

/** A disk that an overlay stands on; it must never change from now on. */
export interface BackingDisk {
  readonly path: string;
  readonly format: "raw" | "qcow2";
}

/** What a header tells. Places are numbers of clusters. */
export interface Header {
  readonly sizeBytes: number;
  readonly l1Table: number;
  readonly refcountTable: number;
  readonly backing?: BackingDisk;
}

/**
 * The first cluster: header, the backing disk's format as an extension, its name.
 *
 * @throws path-unusable when the name is too long
 * @see https://www.qemu.org/docs/master/interop/qcow2.html
 */
export function formatHeader({ sizeBytes, l1Table, refcountTable, backing }: Header): Buffer {
  const name = Buffer.from(backing?.path ?? "");
  if (name.length > LONGEST_BACKING_NAME) {
    throw new VmbuilderError("path-unusable", `${backing?.path} is too long for an image to name it`, {
      hint: "choose a shorter path with --cache-dir",
    });
  }
  const extensions = Buffer.concat([...(backing ? [backingFormat(backing)] : []), bigEndian(8, 0n)]);
  const fields: readonly [bytes: number, value: number][] = [
    [4, 0x514649fb], // QFI and 0xfb
    [4, 3], // version
    [8, backing ? HEADER_BYTES + extensions.length : 0], // backing file name: where, how long
    [4, name.length],
    [4, CLUSTER_BITS],
    [8, sizeBytes],
    [4, 0], // encryption
    [4, countL1Entries(sizeBytes)],
    [8, l1Table * CLUSTER_BYTES],
    [8, refcountTable * CLUSTER_BYTES],
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

function backingFormat({ format }: BackingDisk): Buffer {
  const name = Buffer.from(format);
  return Buffer.concat([
    bigEndian(4, BigInt(BACKING_FORMAT)),
    bigEndian(4, BigInt(name.length)),
    Buffer.concat([name], 8),
  ]);
}

/** Clusters of the L1 table of a disk. */
export function countL1Clusters(sizeBytes: number): number {
  return Math.ceil((countL1Entries(sizeBytes) * ENTRY_BYTES) / CLUSTER_BYTES);
}

/** The tables of both levels that say where a disk's clusters lie; the second level's stand one after another. */
export function formatTables(
  sizeBytes: number,
  places: ReadonlyMap<number, number>,
  firstTable: number,
): { l1: Buffer; l2: Buffer[] } {
  const tables = listTables(places.keys());
  const rows = new Map<number, Map<number, number>>(tables.map((table) => [table, new Map()]));
  for (const [cluster, place] of places)
    rows.get(Math.floor(cluster / TABLE_ENTRIES))?.set(cluster % TABLE_ENTRIES, place);
  return {
    l1: wholeClusters(entries(countL1Entries(sizeBytes), new Map(tables.map((table, i) => [table, firstTable + i])))),
    l2: tables.map((table) => entries(TABLE_ENTRIES, rows.get(table) ?? new Map())),
  };
}

/** Numbers of the second level's tables that some clusters need, in their order. */
export function listTables(clusters: Iterable<number>): number[] {
  const tables = new Set<number>();
  for (const cluster of clusters) tables.add(Math.floor(cluster / TABLE_ENTRIES));
  return [...tables].sort((a, b) => a - b);
}

/** The table of refcount blocks, which stand one after another. */
export function formatRefcountTable(firstBlock: number, count: number): Buffer {
  const places = Array.from({ length: count }, (_, i) => bigEndian(8, BigInt((firstBlock + i) * CLUSTER_BYTES)));
  return wholeClusters(Buffer.concat(places));
}

/** Refcount blocks of so many clusters: 1, or 0 for those that are free. */
export function formatRefcounts(clusters: number, free: Iterable<number> = []): Buffer {
  const counts = Buffer.alloc(clusters * 2);
  for (let i = 0; i < clusters; i++) counts.writeUInt16BE(1, i * 2);
  for (const cluster of free) counts.writeUInt16BE(0, cluster * 2);
  return wholeClusters(counts);
}

function wholeClusters(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], Math.ceil(bytes.length / CLUSTER_BYTES) * CLUSTER_BYTES);
}

/** A table that says in which cluster of the file each of its rows is kept. */
function entries(count: number, rows: ReadonlyMap<number, number>): Buffer {
  const table = Buffer.alloc(count * ENTRY_BYTES);
  for (const [row, cluster] of rows) {
    table.writeBigUInt64BE(SINGLE_REFERENCE | BigInt(cluster * CLUSTER_BYTES), row * ENTRY_BYTES);
  }
  return table;
}

function countL1Entries(sizeBytes: number): number {
  return Math.ceil(sizeBytes / L1_ENTRY_BYTES);
}

function bigEndian(bytes: number, value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return buffer.subarray(8 - bytes);
}
