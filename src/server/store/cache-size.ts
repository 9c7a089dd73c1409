import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../../core/cache.ts";
import { listCache } from "../../core/cache-maintenance.ts";

const FRESH_MS = 30_000;
const known = new Map<string, { atMs: number; size: Promise<number> }>();

/** Bytes of a cache; looking through it takes a while, so that it is done twice a minute at most. */
export function cacheSize(directory: string): Promise<number> {
  const last = known.get(directory);
  if (last && Date.now() - last.atMs < FRESH_MS) return last.size;
  const size = measure(directory).catch(() => 0); // a build is changing it; the next time
  known.set(directory, { atMs: Date.now(), size });
  return size;
}

async function measure(directory: string): Promise<number> {
  if (!(await stat(join(directory, "objects")).catch(() => undefined))) return 0;
  const entries = await listCache(await openCache(directory));
  return entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
