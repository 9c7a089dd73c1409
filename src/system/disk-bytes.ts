import { CLUSTER_BYTES, type DiskReader } from "./disk-reader.ts";

/** A disk of which any range can be read. */
export interface DiskBytes {
  /** Bytes behind the disk's end are zeros. */
  read(offsetBytes: number, length: number): Promise<Buffer>;
}

const KEPT_CLUSTERS = 512;

/** Reads any ranges of a disk, and keeps what was read last: structures of file systems are asked for in small pieces. */
export function diskBytes(disk: DiskReader): DiskBytes {
  const kept = new Map<number, Buffer>();
  const cluster = async (index: number): Promise<Buffer> => {
    const known = kept.get(index);
    if (known) return known;
    const bytes = Buffer.allocUnsafe(CLUSTER_BYTES);
    await disk.read(index, bytes);
    if (kept.size >= KEPT_CLUSTERS) kept.delete(kept.keys().next().value ?? 0);
    kept.set(index, bytes);
    return bytes;
  };
  return {
    async read(offsetBytes, length) {
      const first = Math.floor(offsetBytes / CLUSTER_BYTES);
      const last = Math.floor((offsetBytes + Math.max(length, 1) - 1) / CLUSTER_BYTES);
      const skipped = offsetBytes - first * CLUSTER_BYTES;
      if (first === last) return (await cluster(first)).subarray(skipped, skipped + length);
      const whole = Buffer.allocUnsafe((last - first + 1) * CLUSTER_BYTES);
      for (let index = first; index <= last; index++) {
        const at = (index - first) * CLUSTER_BYTES;
        const known = kept.get(index);
        if (known) known.copy(whole, at);
        else await disk.read(index, whole.subarray(at, at + CLUSTER_BYTES)); // content: hardly wanted again
      }
      return whole.subarray(skipped, skipped + length);
    },
  };
}
