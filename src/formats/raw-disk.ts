import { rm, stat } from "node:fs/promises";
import type { ConversionSource } from "../core/format.ts";
import { convertImage, listData } from "../system/disk-image.ts";
import type { Extent } from "../system/undo-file.ts";

/** A raw disk file and where it holds data. */
export interface RawDisk {
  readonly raw: string;
  readonly sizeBytes: number;
  readonly data: readonly Extent[];
}

/** Gives an image as a raw file: itself if it is one, else a sparse copy beside the target, which is removed afterwards. */
export async function withRawDisk(
  { path, format }: ConversionSource,
  target: string,
  signal: AbortSignal,
  work: (disk: RawDisk) => Promise<void>,
): Promise<void> {
  const isRaw = format === "raw" && (await stat(path)).isFile();
  const raw = isRaw ? path : `${target}.tmp`;
  try {
    if (!isRaw) await convertImage(path, format, raw, "raw", [], signal);
    const data = await listData(raw, signal);
    await work({ raw, data, sizeBytes: (await stat(raw)).size });
  } finally {
    if (!isRaw) await rm(raw, { force: true });
  }
}
