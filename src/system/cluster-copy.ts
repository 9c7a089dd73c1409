import type { Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { CLUSTER_BYTES } from "./disk-reader.ts";
import { fileError } from "./files.ts";

/** Of what is copied at once. */
export const PIECE_BYTES = 16 * CLUSTER_BYTES;

/** Bytes that are written from front to end, into one file or several, and hashed meanwhile. */
export class Output {
  readonly #files: readonly FileHandle[];
  readonly #hash: Hash;
  #at: number;

  constructor(files: readonly FileHandle[], hash: Hash, at: number) {
    this.#files = files;
    this.#hash = hash;
    this.#at = at;
  }

  async write(...buffers: Buffer[]): Promise<void> {
    for (const bytes of buffers) {
      const written = Promise.all(this.#files.map((file) => file.write(bytes, 0, bytes.length, this.#at)));
      this.#hash.update(bytes);
      this.#at += bytes.length;
      await written;
    }
  }

  /** The next piece is read while one is hashed and written. */
  async copy(from: FileHandle, list: readonly Piece[], signal: AbortSignal): Promise<void> {
    const buffers = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)] as const;
    const read = async (index: number): Promise<Buffer | undefined> => {
      const piece = list[index];
      if (!piece) return undefined;
      const into = buffers[index % 2 ? 1 : 0].subarray(0, piece.length);
      const { bytesRead } = await from.read(into, 0, piece.length, piece.at);
      return into.fill(0, bytesRead); // behind the file's end are zeros
    };
    let current = await read(0);
    for (let index = 1; current; index++) {
      signal.throwIfAborted();
      const [next] = await Promise.all([read(index), this.write(current)]);
      current = next;
    }
  }
}

/** Bytes of a file. */
export interface Piece {
  readonly at: number;
  readonly length: number;
}

/** Clusters of a file, joined where one follows another. */
export function pieces(clusters: readonly number[]): Piece[] {
  const list: { at: number; length: number }[] = [];
  for (const at of clusters) {
    const last = list.at(-1);
    if (last && last.at + last.length === at && last.length < PIECE_BYTES) last.length += CLUSTER_BYTES;
    else list.push({ at, length: CLUSTER_BYTES });
  }
  return list;
}

/** Opens a file, and closes it whatever happens. @throws disk-full, path-unusable */
export async function writing<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o644).catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    return await work(file);
  } catch (error) {
    throw fileError(error, path);
  } finally {
    await file.close();
  }
}
