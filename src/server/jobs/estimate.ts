import type { Database } from "../store/database.ts";
import type { JobStep } from "./job.ts";

/** How much of a build the cache has: the disk, the installed system, a part of it, or nothing. */
export type CachedPart = "disk" | "tree" | "part" | "nothing";

/** On a machine of two cores, before this server has measured its own. */
const GUESSES: Readonly<Record<CachedPart, number>> = { disk: 2, tree: 8, part: 25, nothing: 45 };
const MOST_JOBS = 20;

/** How long a build will take: the median of the latest like it on this server, else a guess. */
export function estimateSeconds(
  database: Database,
  kind: CachedPart,
  packages = 0,
): { seconds: number; basis: "measured" | "guessed" } {
  const rows = database.all<{ seconds: number; steps: string }>(
    `SELECT (finishedAt - startedAt) / 1000.0 AS seconds, steps FROM jobs WHERE state = 'succeeded' AND attempts = 1
     ORDER BY number DESC LIMIT 200`,
  );
  const like = rows.filter(({ steps }) => cachedPart(JSON.parse(steps)) === kind).slice(0, MOST_JOBS);
  const sorted = like.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median !== undefined) return { seconds: Math.max(1, Math.round(median)), basis: "measured" };
  const more = kind === "nothing" ? packages / 20 : 0;
  return { seconds: Math.round(GUESSES[kind] + more), basis: "guessed" };
}

/** What a build that has ended found in the cache. */
export function cachedPart(steps: readonly JobStep[]): CachedPart {
  const isCached = (name: string) => steps.some(({ step, state }) => step === name && state === "cached");
  if (isCached("assemble")) return "disk";
  if (isCached("install")) return "tree";
  return steps.some(({ step, state }) => step.startsWith("install/") && state === "cached") ? "part" : "nothing";
}
