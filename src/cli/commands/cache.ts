import type { Command } from "commander";
import type { Cache } from "../../core/cache.ts";
import type { CacheEntry } from "../../core/cache-maintenance.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { formatBytes, parseSize } from "../../model/size.ts";
import { runSession } from "../session.ts";
import { createPaint, wantsColor } from "../terminal/color.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { formatTable } from "../terminal/table.ts";

interface CacheOptions {
  cacheDir?: string;
  json?: boolean;
}

interface GcOptions extends CacheOptions {
  maxAge?: string;
  maxSize?: string;
  all?: boolean;
}

const DAY_MS = 86_400_000;
const DEFAULT_AGE_DAYS = 30;

/** Adds `vmbuilder cache ls|gc|verify`. */
export function addCache(program: Command): void {
  const cache = program.command("cache").description("Shows and tidies the cache.");
  const add = (name: string, description: string) =>
    cache
      .command(name)
      .description(description)
      .option("--cache-dir <DIR>", "cache (default ~/.cache/vmbuilder)")
      .option("--json", "print one line of JSON");
  add("ls", "Lists what the cache holds.").action((options: CacheOptions) => list(options));
  add("gc", "Removes what was not used for a while.")
    .option("--max-age <DAYS>", `keep what was used since (default ${DEFAULT_AGE_DAYS})`)
    .option("--max-size <SIZE>", "remove the longest unused until the rest fits")
    .option("--all", "remove all that no build or clone needs")
    .action((options: GcOptions) => collect(options));
  add("verify", "Checks every entry against its hash.").action((options: CacheOptions) => verify(options));
}

/** Opens a cache that exists; looking at one that doesn't makes none. */
async function open({ cacheDir }: CacheOptions): Promise<{ directory: string; cache: Cache | undefined }> {
  const [{ defaultCacheDirectory, openCache }, { stat }, { join, resolve }] = await Promise.all([
    import("../../core/cache.ts"),
    import("node:fs/promises"),
    import("node:path"),
  ]);
  const directory = resolve(cacheDir ?? defaultCacheDirectory());
  const exists = await stat(join(directory, "objects")).catch(() => undefined);
  return { directory, cache: exists && (await openCache(directory)) };
}

async function list(options: CacheOptions): Promise<void> {
  const { listCache } = await import("../../core/cache-maintenance.ts");
  const { directory, cache } = await open(options);
  const entries = cache ? await listCache(cache) : [];
  const sizeBytes = totalSize(entries);
  if (options.json) return writeJsonLine(process.stdout, { type: "cache", directory, sizeBytes, entries });
  const packages = entries.filter(({ kind }) => kind === "package");
  const objects = entries.filter(({ kind }) => kind !== "package");
  if (objects.length > 0) {
    const paint = createPaint(wantsColor(process.stdout, process.env));
    const [headings = "", ...lines] = formatTable(
      [
        { heading: "kind" },
        { heading: "key" },
        { heading: "size", align: "right" },
        { heading: "used", align: "right" },
        { heading: "clones", align: "right" },
        { heading: "what it is", flexible: true },
      ],
      objects.map((one) => [
        one.kind,
        one.key.slice(0, 12),
        formatBytes(one.sizeBytes),
        formatAge(Date.now() - one.usedAtMs),
        one.clones.length > 0 ? String(one.clones.length) : "",
        one.title,
      ]),
      process.stdout.columns,
    );
    process.stdout.write([paint("dim", headings), ...lines, "", ""].join("\n"));
  }
  process.stdout.write(
    `${count(objects.length, "object")}, ${formatBytes(totalSize(objects))}; ${count(packages.length, "package")}, ` +
      `${formatBytes(totalSize(packages))}; in all ${formatBytes(sizeBytes)} in ${directory}\n`,
  );
}

async function collect(options: GcOptions): Promise<void> {
  const usedBeforeMs = options.all ? Date.now() : Date.now() - parseDays(options.maxAge) * DAY_MS;
  const maxBytes = options.maxSize === undefined ? undefined : parseMaxSize(options.maxSize);
  const { collectGarbage } = await import("../../core/cache-maintenance.ts");
  const { directory, cache } = await open(options);
  const removed = cache
    ? await collectGarbage(cache, { usedBeforeMs, ...(maxBytes === undefined ? {} : { maxBytes }) })
    : [];
  const freedBytes = totalSize(removed);
  if (options.json) return writeJsonLine(process.stdout, { type: "cache-gc", directory, removed, freedBytes });
  process.stdout.write(`removed ${count(removed.length, "entry", "entries")}, ${formatBytes(freedBytes)} freed\n`);
}

function parseDays(text = String(DEFAULT_AGE_DAYS)): number {
  if (/^\d{1,6}(\.\d+)?$/.test(text)) return Number(text);
  throw new VmbuilderError("usage", `--max-age: "${text}" is no number of days`);
}

function parseMaxSize(text: string): number {
  try {
    return parseSize(text);
  } catch (cause) {
    throw new VmbuilderError("usage", `--max-size: "${text}" is no size`, { hint: "write for example 10G", cause });
  }
}

async function verify(options: CacheOptions): Promise<void> {
  const { verifyCache } = await import("../../core/cache-maintenance.ts");
  const { directory, cache } = await open(options);
  let checked = 0;
  const damaged = cache
    ? await runSession({ quiet: true }, ({ signal }) => verifyCache(cache, signal, () => checked++))
    : [];
  if (options.json) writeJsonLine(process.stdout, { type: "cache-verify", directory, checked, damaged });
  else {
    for (const { kind, key, title, clones } of damaged) {
      const text = `damaged: ${kind} ${key.slice(0, 12)} ${title}`.trimEnd();
      process.stdout.write(`${text}${clones.map((clone) => `\n  a clone needs it: ${clone}`).join("")}\n`);
    }
    process.stdout.write(`${count(checked, "entry", "entries")} checked, ${damaged.length} damaged\n`);
  }
  if (damaged.length === 0) return;
  throw new VmbuilderError(
    "cache-corrupt",
    `${count(damaged.length, "damaged entry was", "damaged entries were")} removed from ${directory}`,
    { hint: "the next build makes them anew; check the disk if it happens again" },
  );
}

function totalSize(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function formatAge(ageMs: number): string {
  const hours = ageMs / 3_600_000;
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours >= 1 ? `${Math.floor(hours)} h` : `${Math.max(0, Math.floor(hours * 60))} min`;
}
