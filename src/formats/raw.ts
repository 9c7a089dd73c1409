/**
 * The disk's bytes as they are: a sparse file, or compressed by zstd for transport (`zstd -d --sparse` unpacks it).
 * Tools: qemu-img (qemu-utils).
 */
import { rm } from "node:fs/promises";
import type { Format } from "../core/format.ts";
import { listData } from "../system/disk-image.ts";
import { compressSparse } from "../system/zstd-frames.ts";
import { convertTo } from "./qemu-img.ts";

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
  async convert(source, target, uuid, signal) {
    const unpacked = `${target}.tmp`;
    try {
      await convertTo("raw")(source, unpacked, uuid, signal);
      await compressSparse(unpacked, await listData(unpacked, signal), target, signal);
    } finally {
      await rm(unpacked, { force: true });
    }
  },
};
