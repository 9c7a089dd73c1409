import { CLUSTER_BYTES } from "./disk-reader.ts";
import {
  countL1Clusters,
  formatHeader,
  formatRefcounts,
  formatRefcountTable,
  formatTables,
  listTables,
  REFCOUNTS_A_BLOCK,
} from "./qcow2-tables.ts";
import type { Extent } from "./undo-file.ts";

/** Where the tables begin and how many clusters they are: L1, refcount table, refcount blocks, L2; then `more` clusters. */
export function countLayout(
  sizeBytes: number,
  clusters: Iterable<number> & { size: number },
  start: number,
  more: number,
) {
  const refcountTable = start + countL1Clusters(sizeBytes);
  const l2 = listTables(clusters).length;
  let blocks = 1;
  const end = () => refcountTable + 1 + blocks + l2;
  while (end() + more > blocks * REFCOUNTS_A_BLOCK) blocks++;
  return { refcountTable, blocks, firstBlock: refcountTable + 1, firstL2: refcountTable + 1 + blocks, end: end() };
}

/**
 * Header and tables of an image whose data come first.
 *
 * @param places cluster of the file by cluster of the disk
 * @param start cluster at which the tables begin
 * @param more clusters that follow the tables
 * @param free clusters that nobody uses
 */
export function formatLayout(
  sizeBytes: number,
  places: ReadonlyMap<number, number>,
  start: number,
  more: number,
  free: readonly number[] = [],
): { header: Buffer; all: Buffer[] } {
  const keys = new Set(places.keys());
  const { refcountTable, blocks, firstBlock, firstL2, end } = countLayout(sizeBytes, keys, start, more);
  const { l1, l2 } = formatTables(sizeBytes, places, firstL2);
  const refcounts = [formatRefcountTable(firstBlock, blocks), formatRefcounts(end + more, free)];
  return { header: formatHeader({ sizeBytes, l1Table: start, refcountTable }), all: [l1, ...refcounts, ...l2] };
}

/** Numbers of the clusters that an extent touches. */
export function clustersOf({ offsetBytes, sizeBytes }: Extent): number[] {
  const first = Math.floor(offsetBytes / CLUSTER_BYTES);
  const last = Math.floor((offsetBytes + sizeBytes - 1) / CLUSTER_BYTES);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
