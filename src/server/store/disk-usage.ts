import { statfs } from "node:fs/promises";
import { cacheSize } from "./cache-size.ts";
import type { Database } from "./database.ts";

/** What takes how much of the disk. */
export interface DiskUsage {
  readonly imagesBytes: number;
  /** Of removed images, which can be restored still. */
  readonly removedBytes: number;
  readonly cacheBytes: number;
}

/** How it was at some time. */
export interface UsagePoint {
  readonly at: number;
  readonly freeBytes: number;
  readonly imagesBytes: number;
  readonly cacheBytes: number;
}

const KEPT_MS = 30 * 86_400_000;

/** Adds up images and cache. */
export async function measureUsage(database: Database, cacheDirectory: string): Promise<DiskUsage> {
  const row = database.get(
    `SELECT coalesce(sum(iif(removedAt IS NULL, sizeBytes, 0)), 0) AS images,
       coalesce(sum(iif(removedAt IS NULL, 0, sizeBytes)), 0) AS removed FROM images`,
  );
  const cacheBytes = await cacheSize(cacheDirectory);
  return { imagesBytes: Number(row?.images), removedBytes: Number(row?.removed), cacheBytes };
}

/** Notes how it is now, and forgets what was a month ago. */
export async function noteUsage(database: Database, directory: string, cacheDirectory: string): Promise<void> {
  const [{ imagesBytes, cacheBytes }, room] = await Promise.all([
    measureUsage(database, cacheDirectory),
    statfs(directory),
  ]);
  const now = Date.now();
  database.run(
    "INSERT OR REPLACE INTO usageHistory (at, freeBytes, imagesBytes, cacheBytes) VALUES (?, ?, ?, ?)",
    ...[now, room.bavail * room.bsize, imagesBytes, cacheBytes],
  );
  database.run("DELETE FROM usageHistory WHERE at < ?", now - KEPT_MS);
}

/** The last month, an hour a point. */
export function usageHistory(database: Database): UsagePoint[] {
  return database.all<UsagePoint>("SELECT at, freeBytes, imagesBytes, cacheBytes FROM usageHistory ORDER BY at");
}
