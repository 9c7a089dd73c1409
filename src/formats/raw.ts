/**
 * The disk's bytes as they are: a sparse file, or compressed by zstd for transport (`zstd -d --sparse` unpacks it).
 * Tools: qemu-img (qemu-utils).
 */
import type { Format } from "../core/format.ts";
import { compressSparse } from "../system/zstd-frames.ts";
import { convertTo } from "./qemu-img.ts";
import { withRawDisk } from "./raw-disk.ts";

export const raw: Format = {
  name: "raw",
  title: "raw, sparse",
  suffix: ".raw",
  convert: convertTo("raw"),
};

export const compressedRaw: Format = {
  name: "raw.zst",
  title: "raw, compressed by zstd",
  suffix: ".raw.zst",
  convert: (source, target, _uuid, signal) =>
    withRawDisk(source, target, signal, ({ raw, data }) => compressSparse(raw, data, target, signal)),
};
