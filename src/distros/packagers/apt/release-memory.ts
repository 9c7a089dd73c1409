import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../../model/errors.ts";
import { writeFileAtomically } from "../../../system/files.ts";
import { acquireLock } from "../../../system/lock.ts";
import type { Release } from "./release.ts";

/**
 * Refuses a release that is older than one seen before at the same address: its signature may be good, but someone may
 * be holding back updates.
 *
 * @throws release-older
 */
export async function refuseOlderReleases(cacheDirectory: string, releases: readonly Release[]): Promise<void> {
  const path = memoryPath(cacheDirectory);
  const seen = await readMemory(path);
  for (const { url, dateMs } of releases) {
    const before = seen.get(url);
    if (before === undefined || dateMs >= before) continue;
    throw new VmbuilderError(
      "release-older",
      `${url} is dated ${iso(dateMs)}, but one of ${iso(before)} was seen before`,
      { hint: `the mirror went back in time: try another --mirror; to accept it, delete ${path}` },
    );
  }
}

/** Remembers releases whose signatures are good; a forged one must never get here, or it would shut out the true ones. */
export async function rememberReleases(cacheDirectory: string, releases: readonly Release[]): Promise<void> {
  const path = memoryPath(cacheDirectory);
  const isKnown = (seen: ReadonlyMap<string, number>) =>
    releases.every(({ url, dateMs }) => (seen.get(url) ?? Number.NEGATIVE_INFINITY) >= dateMs);
  if (isKnown(await readMemory(path))) return;
  const release = await acquireLock(path);
  try {
    const seen = await readMemory(path);
    for (const { url, dateMs } of releases) seen.set(url, Math.max(seen.get(url) ?? dateMs, dateMs));
    await writeFileAtomically(path, JSON.stringify(Object.fromEntries(seen), null, 1));
  } finally {
    await release();
  }
}

function memoryPath(cacheDirectory: string): string {
  return join(cacheDirectory, "releases.json");
}

/** What a damaged memory held is lost: it begins anew, since no build can mend it. */
async function readMemory(path: string): Promise<Map<string, number>> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(entries.flatMap(([url, dateMs]) => (typeof dateMs === "number" ? [[url, dateMs]] : [])));
  } catch {
    return new Map();
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
