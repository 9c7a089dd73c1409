import { createHash, type Hash } from "node:crypto";
import { constants, copyFile, type FileHandle, open, rename } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { CLUSTER_BYTES, readPlaces } from "./disk-reader.ts";
import { fileError } from "./files.ts";
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

const PIECE_BYTES = 16 * CLUSTER_BYTES;

/** An image by {@link writeImage}. */
export interface BaseImage {
  readonly path: string;
  readonly sha256: string;
  /** State of the hash behind the data, if the file has just been written; otherwise its content is still to be verified. */
  readonly atTables?: Hash | undefined;
  /** A second copy of header and data, for the first image that is made of this one. */
  readonly twin?: string | undefined;
}

/**
 * Makes a qcow2 of a raw disk: header, then all data in the disk's order, then the tables. So an image that differs in a
 * few clusters begins with the very same bytes, which are copied and hashed as they are: {@link copyImage}.
 *
 * @param data where the raw disk holds data
 * @param twin where a second copy of header and data goes meanwhile, if any
 * @throws disk-full, path-unusable
 */
export async function writeImage(
  raw: string,
  sizeBytes: number,
  data: readonly Extent[],
  path: string,
  twin: string | undefined,
  signal: AbortSignal,
): Promise<BaseImage> {
  const clusters = [...new Set(data.flatMap(clustersOf))].sort((a, b) => a - b);
  const places = new Map(clusters.map((cluster, i) => [cluster, 1 + i]));
  const tables = formatLayout(sizeBytes, places, 1 + clusters.length, 0);
  const from = await open(raw, "r");
  try {
    return await writing(path, "wx", async (to) => {
      const hash = createHash("sha256");
      const writeData = async (...files: FileHandle[]) => {
        const output = new Output(files, hash, 0);
        await output.write(tables.header);
        await output.copy(from, pieces(clusters.map((cluster) => cluster * CLUSTER_BYTES)), signal);
      };
      await (twin === undefined ? writeData(to) : writing(twin, "wx", (second) => writeData(to, second)));
      const atTables = hash.copy();
      await new Output([to], hash, (1 + clusters.length) * CLUSTER_BYTES).write(...tables.all);
      return { path, sha256: hash.digest("hex"), atTables, twin };
    });
  } finally {
    await from.close();
  }
}

/**
 * Makes an image that stands alone of a base and an overlay over it. The base's data is read once: the same bytes are
 * copied, verified, and hashed for the result. What the overlay replaces stays as free clusters.
 *
 * @returns SHA-256 of the image
 * @throws cache-corrupt when the base isn't what it should be; disk-full, path-unusable
 */
export async function copyImage(base: BaseImage, overlay: string, path: string, signal: AbortSignal): Promise<string> {
  const [from, over] = await Promise.all([open(base.path, "r"), open(overlay, "r")]);
  try {
    const [places, overPlaces] = await Promise.all([readPlaces(from, base.path), readPlaces(over, overlay)]);
    const { sizeBytes, tablesAt } = await readHeader(from, base.path);
    const end = tablesAt / CLUSTER_BYTES;
    if (base.atTables) await takeTwin(base, path);
    return await writing(path, base.atTables ? "r+" : "wx", async (to) => {
      const hash = base.atTables?.copy() ?? (await copyVerified(base, from, tablesAt, to, signal));
      const mapped = new Map([...places].map(([cluster, at]) => [cluster, at / CLUSTER_BYTES]));
      const replaced = [...overPlaces.keys()].flatMap((cluster) => mapped.get(cluster) ?? []);
      const own = [...overPlaces].sort(([a], [b]) => a - b);
      const firstOwn = countLayout(sizeBytes, new Set([...mapped.keys(), ...overPlaces.keys()]), end, own.length).end;
      own.forEach(([cluster], i) => void mapped.set(cluster, firstOwn + i));
      const tables = formatLayout(sizeBytes, mapped, end, own.length, replaced);
      await to.truncate((firstOwn + own.length) * CLUSTER_BYTES);
      const output = new Output([to], hash, tablesAt);
      await output.write(...tables.all);
      await output.copy(over, pieces(own.map(([, at]) => at)), signal);
      return hash.digest("hex");
    });
  } finally {
    await Promise.all([from.close(), over.close()]);
  }
}

/** Copies header and data of a base, and compares all of it with its hash. Returns the state of the hash behind the data. */
async function copyVerified(
  { path, sha256 }: BaseImage,
  from: FileHandle,
  tablesAt: number,
  to: FileHandle,
  signal: AbortSignal,
): Promise<Hash> {
  const hash = createHash("sha256");
  const whole = Array.from({ length: Math.ceil(tablesAt / PIECE_BYTES) }, (_, i) => {
    const at = i * PIECE_BYTES;
    return { at, length: Math.min(PIECE_BYTES, tablesAt - at) };
  });
  await new Output([to], hash, 0).copy(from, whole, signal);
  const atTables = hash.copy();
  const { size } = await from.stat();
  const { buffer } = await from.read(Buffer.alloc(Math.max(size - tablesAt, 0)), { position: tablesAt });
  if (hash.update(buffer).digest("hex") === sha256) return atTables;
  throw damaged(path);
}

/** The twin serves once; without one, the kernel copies the base. */
async function takeTwin({ path, twin }: BaseImage, to: string): Promise<void> {
  const isTaken =
    twin !== undefined &&
    (await rename(twin, to).then(
      () => true,
      () => false,
    ));
  if (isTaken) return;
  await copyFile(path, to, constants.COPYFILE_FICLONE).catch((error: unknown) => {
    throw fileError(error, to);
  });
}

async function readHeader(file: FileHandle, path: string): Promise<{ sizeBytes: number; tablesAt: number }> {
  const { buffer } = await file.read(Buffer.alloc(48), { position: 0 });
  const [sizeBytes, tablesAt] = [Number(buffer.readBigUInt64BE(24)), Number(buffer.readBigUInt64BE(40))];
  if (tablesAt % CLUSTER_BYTES !== 0 || tablesAt > (await file.stat()).size) throw damaged(path);
  return { sizeBytes, tablesAt };
}

function damaged(path: string): VmbuilderError {
  return new VmbuilderError("cache-corrupt", `${path} is damaged`, { hint: "run the same command again" });
}

/** Where the tables begin and how many clusters they are: L1, refcount table, refcount blocks, L2; then `more` clusters. */
function countLayout(sizeBytes: number, clusters: Iterable<number> & { size: number }, start: number, more: number) {
  const refcountTable = start + countL1Clusters(sizeBytes);
  const l2 = listTables(clusters).length;
  let blocks = 1;
  const end = () => refcountTable + 1 + blocks + l2;
  while (end() + more > blocks * REFCOUNTS_A_BLOCK) blocks++;
  return { refcountTable, blocks, firstBlock: refcountTable + 1, firstL2: refcountTable + 1 + blocks, end: end() };
}

function formatLayout(
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

/** Bytes that are written from front to end, into one file or several, and hashed meanwhile. */
class Output {
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

interface Piece {
  readonly at: number;
  readonly length: number;
}

/** Clusters of a file, joined where one follows another. */
function pieces(clusters: readonly number[]): Piece[] {
  const list: { at: number; length: number }[] = [];
  for (const at of clusters) {
    const last = list.at(-1);
    if (last && last.at + last.length === at && last.length < PIECE_BYTES) last.length += CLUSTER_BYTES;
    else list.push({ at, length: CLUSTER_BYTES });
  }
  return list;
}

function clustersOf({ offsetBytes, sizeBytes }: Extent): number[] {
  const first = Math.floor(offsetBytes / CLUSTER_BYTES);
  const last = Math.floor((offsetBytes + sizeBytes - 1) / CLUSTER_BYTES);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

async function writing<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
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
