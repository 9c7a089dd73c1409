import { open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import type { DiskPatch } from "./disk-image.ts";
import { CLUSTER_BYTES, type DiskReader, openQcow2, openRaw, readPlaces } from "./disk-reader.ts";
import { fileError } from "./files.ts";
import {
  type BackingDisk,
  countL1Clusters,
  formatHeader,
  formatRefcounts,
  formatRefcountTable,
  formatTables,
  listTables,
  REFCOUNTS_A_BLOCK,
} from "./qcow2-tables.ts";

/** How many are held in memory. */
const CLUSTERS_AT_ONCE = 64;
/** Clusters of an empty image, in their order; the last may be more than one. */
const [REFCOUNT_TABLE, REFCOUNT_BLOCK, L1_TABLE] = [1, 2, 3];

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
  const header = formatHeader({ sizeBytes, l1Table: L1_TABLE, refcountTable: REFCOUNT_TABLE, backing: base });
  const byCluster = splitByCluster(content);
  const clusters = [...byCluster.keys()].sort((a, b) => a - b);
  const firstTable = L1_TABLE + countL1Clusters(sizeBytes);
  const firstData = firstTable + listTables(clusters).length;
  const total = firstData + clusters.length;
  if (total > REFCOUNTS_A_BLOCK)
    throw new VmbuilderError("disk-full", `${overlay} would hold more than 2 GB of its own`);
  const places = new Map(clusters.map((cluster, i) => [cluster, firstData + i]));
  const file = await open(overlay, "wx", 0o644).catch((error: unknown) => {
    throw fileError(error, overlay);
  });
  const reader = clusters.length === 0 ? undefined : await (base.format === "raw" ? openRaw : openQcow2)(base.path);
  try {
    const { l1, l2 } = formatTables(sizeBytes, places, firstTable);
    const structure = [header, formatRefcountTable(REFCOUNT_BLOCK, 1), formatRefcounts(total), l1, ...l2];
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

/** What an image by {@link writeOverlay} holds of its own. */
export async function readOverlay(overlay: string): Promise<DiskPatch[]> {
  const file = await open(overlay, "r");
  try {
    const places = await readPlaces(file, overlay);
    return await Promise.all(
      [...places].map(async ([cluster, at]) => {
        const { buffer } = await file.read(Buffer.allocUnsafe(CLUSTER_BYTES), 0, CLUSTER_BYTES, at);
        return { offsetBytes: cluster * CLUSTER_BYTES, bytes: buffer };
      }),
    );
  } finally {
    await file.close();
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
