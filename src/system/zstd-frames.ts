import { open } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { zstdCompress } from "node:zlib";
import type { Extent } from "./undo-file.ts";

/** A frame's content: large enough to compress well, small enough that a few of them fit into memory. */
const FRAME_BYTES = 4 * 1024 * 1024;

function compress(content: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdCompress(content, (error, frame) => (error ? reject(error) : resolve(frame)));
  });
}

/**
 * Compresses a sparse file by zstd, frame by frame, on all processors. What lies outside of `data` is never read: a frame of
 * zeros is compressed once and written as often as it is wanted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8878, section 3: frames may follow one another
 */
export async function compressSparse(
  source: string,
  data: readonly Extent[],
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await using from = await open(source, "r");
  await using to = await open(target, "w");
  const { size } = await from.stat();
  const zeros = await compress(Buffer.alloc(FRAME_BYTES));
  const holds = dataFrames(data);
  const count = Math.ceil(size / FRAME_BYTES);
  const frame = async (index: number): Promise<Buffer> => {
    const length = Math.min(FRAME_BYTES, size - index * FRAME_BYTES);
    if (!holds.has(index)) return length === FRAME_BYTES ? zeros : compress(Buffer.alloc(length));
    const { buffer } = await from.read(Buffer.alloc(length), 0, length, index * FRAME_BYTES);
    return compress(buffer);
  };
  const ahead: Promise<Buffer>[] = [];
  for (let next = 0, written = 0; written < count; written++) {
    signal.throwIfAborted();
    while (next < count && ahead.length <= availableParallelism()) ahead.push(frame(next++));
    await to.writeFile((await ahead.shift()) ?? Buffer.alloc(0));
  }
}

function dataFrames(data: readonly Extent[]): Set<number> {
  const frames = new Set<number>();
  for (const { offsetBytes, sizeBytes } of data) {
    const last = Math.floor((offsetBytes + sizeBytes - 1) / FRAME_BYTES);
    for (let index = Math.floor(offsetBytes / FRAME_BYTES); index <= last; index++) frames.add(index);
  }
  return frames;
}
