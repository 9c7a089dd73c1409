import { readFile } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";

/** What an installation takes at its height, with room for the page cache; see docs/performance.md. */
const BUILD_MEMORY_BYTES = 1.5 * 1024 ** 3;
/** A build keeps two cores busy for most of its time. */
const BUILD_CORES = 2;

/** How much this machine can do at once. */
export interface Capacity {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly parallelBuilds: number;
}

/** What the machine bears: as many builds as it has pairs of cores and shares of memory, one at least. */
export function measureCapacity(most?: number): Capacity {
  const cores = availableParallelism();
  const memoryBytes = totalmem();
  const fitting = Math.min(Math.floor(cores / BUILD_CORES), Math.floor(memoryBytes / BUILD_MEMORY_BYTES));
  return { cores, memoryBytes, parallelBuilds: Math.max(1, most ?? fitting) };
}

/** Whether one more build fits into the memory that is free now; a single one always may try. */
export async function hasRoom(running: number): Promise<boolean> {
  return running === 0 || (await availableMemory()) > BUILD_MEMORY_BYTES;
}

/** Memory that the kernel can give without swapping. */
export async function availableMemory(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}
