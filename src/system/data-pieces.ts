import type { FileHandle } from "node:fs/promises";
import type { Extent } from "./undo-file.ts";

/** Bytes of a disk that hold data, from one unit's beginning to another's end. */
export interface DataPiece {
  readonly offsetBytes: number;
  /** Good until the next piece is asked for. */
  readonly bytes: Buffer;
}

const PIECE_BYTES = 2 * 1024 * 1024;

/**
 * Reads the units of a disk that hold data, many at a time, in order: what lies outside is never read. The next piece is read
 * while one is worked on. Behind the disk's end are zeros.
 *
 * @param unitBytes what pieces are made of, such as a cluster; it divides 2 MiB
 */
export async function* readPieces(
  file: FileHandle,
  data: readonly Extent[],
  unitBytes: number,
  signal: AbortSignal,
): AsyncGenerator<DataPiece> {
  const places = listPieces(data, unitBytes);
  const buffers = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)] as const;
  const read = async (index: number): Promise<DataPiece | undefined> => {
    const place = places[index];
    if (!place) return undefined;
    const bytes = buffers[index % 2 ? 1 : 0].subarray(0, place.sizeBytes);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, place.offsetBytes);
    return { offsetBytes: place.offsetBytes, bytes: bytes.fill(0, bytesRead) };
  };
  let coming = read(0);
  try {
    for (let index = 1; ; index++) {
      signal.throwIfAborted();
      const piece = await coming;
      if (!piece) return;
      coming = read(index);
      yield piece;
    }
  } finally {
    await coming.catch(() => {}); // nobody waits for it when the work has failed
  }
}

/** Whole units that hold data, joined where one follows another. */
function listPieces(data: readonly Extent[], unitBytes: number): Extent[] {
  const pieces: { offsetBytes: number; sizeBytes: number }[] = [];
  let done = 0;
  for (const { offsetBytes, sizeBytes } of data) {
    const end = Math.ceil((offsetBytes + sizeBytes) / unitBytes) * unitBytes;
    for (let at = Math.max(done, Math.floor(offsetBytes / unitBytes) * unitBytes); at < end; at += unitBytes) {
      const last = pieces.at(-1);
      if (last && last.offsetBytes + last.sizeBytes === at && last.sizeBytes < PIECE_BYTES) last.sizeBytes += unitBytes;
      else pieces.push({ offsetBytes: at, sizeBytes: unitBytes });
    }
    done = Math.max(done, end);
  }
  return pieces;
}
