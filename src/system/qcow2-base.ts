import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { Output, PIECE_BYTES, writing } from "./cluster-copy.ts";
import { listData } from "./disk-image.ts";
import { CLUSTER_BYTES } from "./disk-reader.ts";
import { clustersOf, formatLayout } from "./qcow2-layout.ts";

/** An image by {@link settleImage}. */
export interface BaseImage {
  readonly path: string;
  readonly sha256: string;
  /** State of the hash behind the data, if the file has just been read; otherwise its content is still to be verified. */
  readonly atTables?: Hash | undefined;
  /** A second copy of header and data, for the first image that is made of this one. */
  readonly twin?: string | undefined;
}

/** Where in an image's file a part of the disk may be written before it is an image. */
export const PART_OFFSET_BYTES = CLUSTER_BYTES;

/** Whether that can be done with a part of a disk: it shares no cluster with another. */
export function fitsInPlace({ offsetBytes, sizeBytes }: { offsetBytes: number; sizeBytes: number }): boolean {
  return offsetBytes % CLUSTER_BYTES === 0 && sizeBytes % CLUSTER_BYTES === 0;
}

/**
 * Makes a qcow2 of a raw disk: header, then all data, then the tables. So an image that differs in a few clusters begins with
 * the very same bytes, which are copied and hashed as they are: {@link copyImage}. Most of the disk is a file system, which
 * need not be copied: it was made in the image's own file, where it stays. What lies behind the place that all the data
 * will take, and what else is on the disk, fills the holes.
 *
 * @param path file that holds the part from {@link PART_OFFSET_BYTES} on; empty without one
 * @param raw the rest of the disk
 * @param partBytes where on the disk the part begins, if there is one
 * @throws disk-full, path-unusable
 */
export async function settleImage(
  path: string,
  sizeBytes: number,
  raw: string,
  partBytes: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const [inRaw, inFile] = await Promise.all([
    listClusters(raw, signal),
    partBytes === undefined ? [] : listClusters(path, signal).then((all) => all.filter((at) => at > 0)),
  ]);
  const shift = (partBytes ?? 0) / CLUSTER_BYTES - PART_OFFSET_BYTES / CLUSTER_BYTES;
  const count = inRaw.length + inFile.length;
  const staying = inFile.filter((at) => at <= count);
  const places = new Map(staying.map((at) => [at + shift, at]));
  const free = listFree(count, new Set(staying));
  await writing(path, "r+", async (file) => {
    const from = await open(raw, "r");
    try {
      const sources = [
        { from: file, clusters: inFile.slice(staying.length), shift },
        { from, clusters: inRaw, shift: 0 },
      ];
      let used = 0;
      for (const source of sources) {
        const targets = free.slice(used, used + source.clusters.length);
        used += targets.length;
        source.clusters.forEach((cluster, i) => void places.set(cluster + source.shift, targets[i] ?? 0));
        await moveClusters(source.from, source.clusters, file, targets, signal);
      }
    } finally {
      await from.close();
    }
    const tables = formatLayout(sizeBytes, places, 1 + count, 0);
    await file.truncate((1 + count) * CLUSTER_BYTES);
    await file.write(tables.header, 0, CLUSTER_BYTES, 0);
    await new Output([file], createHash("sha256"), (1 + count) * CLUSTER_BYTES).write(...tables.all);
  });
}

async function listClusters(raw: string, signal: AbortSignal): Promise<number[]> {
  return [...new Set((await listData(raw, signal)).flatMap(clustersOf))].sort((a, b) => a - b);
}

function listFree(last: number, taken: ReadonlySet<number>): number[] {
  return Array.from({ length: last }, (_, i) => 1 + i).filter((at) => !taken.has(at));
}

/** Several at once, where they follow one another here and there. */
async function moveClusters(
  from: FileHandle,
  clusters: readonly number[],
  to: FileHandle,
  targets: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const isNext = (list: readonly number[], i: number, start: number) => list[i] === (list[start] ?? 0) + i - start;
  for (let start = 0, end = 0; start < clusters.length; start = end) {
    signal.throwIfAborted();
    const most = Math.min(clusters.length, start + PIECE_BYTES / CLUSTER_BYTES);
    for (end = start + 1; end < most && isNext(clusters, end, start) && isNext(targets, end, start); ) end++;
    const length = (end - start) * CLUSTER_BYTES;
    const { bytesRead } = await from.read(buffer, 0, length, (clusters[start] ?? 0) * CLUSTER_BYTES);
    buffer.fill(0, bytesRead, length); // behind the file's end are zeros
    await to.write(buffer, 0, length, (targets[start] ?? 0) * CLUSTER_BYTES);
  }
}

/**
 * Reads an image once: for its hash, and for a second copy of header and data.
 *
 * @param twin where that goes, if anywhere
 * @throws disk-full, path-unusable
 */
export async function hashImage(path: string, twin: string | undefined, signal: AbortSignal): Promise<BaseImage> {
  return writing(path, "r", async (file) => {
    const hash = createHash("sha256");
    const { tablesAt } = await readHeader(file, path);
    const end = (await file.stat()).size;
    const readData = (...copies: FileHandle[]) =>
      new Output(copies, hash, 0).copy(file, wholePieces(0, tablesAt), signal);
    await (twin === undefined ? readData() : writing(twin, "wx", (copy) => readData(copy)));
    const atTables = hash.copy();
    await new Output([], hash, tablesAt).copy(file, wholePieces(tablesAt, end), signal);
    return { path, sha256: hash.digest("hex"), atTables, twin };
  });
}

/** Pieces of all bytes between two places. */
export function wholePieces(start: number, end: number): { at: number; length: number }[] {
  return Array.from({ length: Math.ceil((end - start) / PIECE_BYTES) }, (_, i) => {
    const at = start + i * PIECE_BYTES;
    return { at, length: Math.min(PIECE_BYTES, end - at) };
  });
}

/** What the header of an image of ours says. @throws cache-corrupt */
export async function readHeader(file: FileHandle, path: string): Promise<{ sizeBytes: number; tablesAt: number }> {
  const { buffer } = await file.read(Buffer.alloc(48), { position: 0 });
  const [sizeBytes, tablesAt] = [Number(buffer.readBigUInt64BE(24)), Number(buffer.readBigUInt64BE(40))];
  if (tablesAt % CLUSTER_BYTES !== 0 || tablesAt > (await file.stat()).size) throw damaged(path);
  return { sizeBytes, tablesAt };
}

/** An image that isn't what it should be. */
export function damaged(path: string): VmbuilderError {
  return new VmbuilderError("cache-corrupt", `${path} is damaged`, { hint: "run the same command again" });
}
