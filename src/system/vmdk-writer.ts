import { type FileHandle, open } from "node:fs/promises";
import { deflate } from "node:zlib";
import { type DataPiece, readPieces } from "./data-pieces.ts";
import type { Extent } from "./undo-file.ts";
import {
  countTables,
  ENTRIES_A_TABLE,
  formatEntries,
  formatMarker,
  formatStreamGrain,
  formatVmdkHead,
  formatVmdkHeader,
  GRAIN_BYTES,
  GRAIN_SECTORS,
  HEAD_SECTORS,
  SECTOR_BYTES,
  TABLE_SECTORS,
  type VmdkHeader,
} from "./vmdk-layout.ts";

/** A raw disk, and what is said of the VMDK that it becomes. */
export interface VmdkSource {
  readonly raw: string;
  readonly sizeBytes: number;
  /** Where the raw disk holds data. */
  readonly data: readonly Extent[];
  readonly description: string;
}

const ZEROS = Buffer.alloc(GRAIN_BYTES);

/** Makes a VMDK that grows (monolithicSparse): all tables twice, then the grains that aren't zeros, in the disk's order. */
export async function writeSparseVmdk(source: VmdkSource, target: string, signal: AbortSignal): Promise<void> {
  const tables = countTables(source.sizeBytes);
  const directorySectors = Math.ceil((tables * 4) / SECTOR_BYTES);
  const half = directorySectors + tables * TABLE_SECTORS;
  const grainsAt = Math.ceil((HEAD_SECTORS + 2 * half) / GRAIN_SECTORS) * GRAIN_SECTORS;
  const entries = new Uint32Array(tables * ENTRIES_A_TABLE);
  let next = grainsAt;
  await writing(source, target, async (from, to) => {
    for await (const piece of readPieces(from, source.data, GRAIN_BYTES, signal)) {
      const grains = grainsOf(piece);
      const at = next;
      for (const { index } of grains) {
        entries[index] = next;
        next += GRAIN_SECTORS;
      }
      await writeAll(
        to,
        grains.map(({ bytes }) => bytes),
        at * SECTOR_BYTES,
      );
    }
    const [redundantDirectoryAt, directoryAt] = [HEAD_SECTORS, HEAD_SECTORS + half];
    const header = { ...source, redundantDirectoryAt, directoryAt, grainsAt, isStream: false };
    const copies = [redundantDirectoryAt, directoryAt].flatMap((at) => {
      const directory = Uint32Array.from({ length: tables }, (_, i) => at + directorySectors + i * TABLE_SECTORS);
      return [formatEntries(directory), formatEntries(entries)];
    });
    await writeAll(to, [formatVmdkHead(header, source.description), ...copies], 0);
  });
}

/** Makes a VMDK for transport (streamOptimized): deflated grains, each 32 MiB followed by their table; the directory last. */
export async function writeStreamVmdk(source: VmdkSource, target: string, signal: AbortSignal): Promise<void> {
  const directory = new Uint32Array(countTables(source.sizeBytes));
  const header: VmdkHeader = { ...source, directoryAt: undefined, grainsAt: GRAIN_SECTORS, isStream: true };
  await writing(source, target, async (from, to) => {
    const output = new Stream(to, directory);
    output.add(formatVmdkHead(header, source.description), Buffer.alloc((GRAIN_SECTORS - HEAD_SECTORS) * SECTOR_BYTES));
    for await (const piece of readPieces(from, source.data, GRAIN_BYTES, signal)) {
      const packed = grainsOf(piece).map(async ({ index, bytes }) => ({ index, bytes: await pack(bytes) }));
      for (const { index, bytes } of await Promise.all(packed)) output.addGrain(index, bytes);
      await output.flush();
    }
    output.addTable();
    const entries = formatEntries(directory);
    output.add(formatMarker("directory", entries.length / SECTOR_BYTES));
    const directoryAt = output.at;
    output.add(
      entries,
      formatMarker("footer", 1),
      formatVmdkHeader({ ...header, directoryAt }),
      formatMarker("end", 0),
    );
    await output.flush();
  });
}

/** The parts of a stream, one behind the other; how far it has come in sectors. */
class Stream {
  at = 0;
  readonly #file: FileHandle;
  readonly #directory: Uint32Array;
  #parts: Buffer[] = [];
  #flushed = 0;
  #table = { number: -1, entries: new Uint32Array(ENTRIES_A_TABLE) };

  constructor(file: FileHandle, directory: Uint32Array) {
    this.#file = file;
    this.#directory = directory;
  }

  add(...parts: Buffer[]): void {
    this.at += parts.reduce((sum, { length }) => sum + length, 0) / SECTOR_BYTES;
    this.#parts.push(...parts);
  }

  addGrain(index: number, deflated: Buffer): void {
    const number = Math.floor(index / ENTRIES_A_TABLE);
    if (number !== this.#table.number) {
      this.addTable();
      this.#table = { number, entries: new Uint32Array(ENTRIES_A_TABLE) };
    }
    this.#table.entries[index % ENTRIES_A_TABLE] = this.at;
    this.add(...formatStreamGrain(index, deflated));
  }

  /** The table of the grains that were added last. */
  addTable(): void {
    const { number, entries } = this.#table;
    if (number === -1) return;
    this.add(formatMarker("table", TABLE_SECTORS));
    this.#directory[number] = this.at;
    this.add(formatEntries(entries));
  }

  async flush(): Promise<void> {
    const parts = this.#parts;
    this.#parts = [];
    await writeAll(this.#file, parts, this.#flushed * SECTOR_BYTES);
    this.#flushed = this.at;
  }
}

/** The grains of a piece, but for those of zeros. */
function grainsOf({ offsetBytes, bytes }: DataPiece): { index: number; bytes: Buffer }[] {
  const first = offsetBytes / GRAIN_BYTES;
  return Array.from({ length: bytes.length / GRAIN_BYTES }, (_, i) => ({
    index: first + i,
    bytes: bytes.subarray(i * GRAIN_BYTES, (i + 1) * GRAIN_BYTES),
  })).filter((grain) => !grain.bytes.equals(ZEROS));
}

/** A system's disk is 1.7 % larger so than by zlib's default, in two thirds of the time. One chunk holds any grain. */
const DEFLATION = { level: 3, chunkSize: GRAIN_BYTES + 1024 };

function pack(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflate(bytes, DEFLATION, (error, deflated) => (error ? reject(error) : resolve(deflated)));
  });
}

async function writeAll(file: FileHandle, parts: readonly Buffer[], offsetBytes: number): Promise<void> {
  const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
  if (sizeBytes === 0) return;
  let { bytesWritten } = await file.writev(parts, offsetBytes);
  if (bytesWritten === sizeBytes) return;
  const bytes = Buffer.concat(parts); // a nearly full disk takes a part, and then says why
  while (bytesWritten < sizeBytes)
    bytesWritten += (await file.write(bytes, bytesWritten, null, offsetBytes + bytesWritten)).bytesWritten;
}

async function writing(
  { raw }: VmdkSource,
  target: string,
  work: (from: FileHandle, to: FileHandle) => Promise<void>,
): Promise<void> {
  await using from = await open(raw, "r");
  await using to = await open(target, "w");
  await work(from, to);
}
