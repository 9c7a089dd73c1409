import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../model/errors.ts";
import { writeFileAtomically } from "../../system/files.ts";
import type { Release } from "../packagers/apt/release.ts";

/**
 * Refuses a release that is older than one seen before at the same address: its signature is good, but someone may be
 * holding back updates.
 *
 * @throws release-older
 */
export async function refuseOlderReleases(cacheDirectory: string, releases: readonly Release[]): Promise<void> {
  const path = join(cacheDirectory, "releases.json");
  const seen = new Map<string, number>(
    Object.entries(JSON.parse(await readFile(path, "utf8").catch(() => "{}")) as Record<string, number>),
  );
  for (const { url, dateMs } of releases) {
    const before = seen.get(url);
    if (before !== undefined && dateMs < before) {
      throw new VmbuilderError(
        "release-older",
        `${url} is dated ${iso(dateMs)}, but one of ${iso(before)} was seen before`,
        {
          hint: `the mirror went back in time: try another --mirror; to accept it, delete ${path}`,
        },
      );
    }
  }
  if (releases.every(({ url, dateMs }) => seen.get(url) === dateMs)) return;
  for (const { url, dateMs } of releases) seen.set(url, dateMs);
  await writeFileAtomically(path, JSON.stringify(Object.fromEntries(seen), null, 1));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
