import type { Command } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import { formatBytes, parseSize } from "../../model/size.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

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
      .option("--cache-dir <DIR>", "cache folder")
      .option("--json", "print JSON");
  add("ls", "Lists what the cache holds.").action((options: CacheOptions) => list(options));
  add("gc", "Removes what was not used for a while.")
    .option("--max-age <DAYS>", `keep what was used since (default: ${DEFAULT_AGE_DAYS})`)
    .option("--max-size <SIZE>", "remove the longest unused until the rest fits")
    .option("--all", "remove all that no build or clone needs")
    .action((options: GcOptions) => collect(options));
  add("verify", "Checks every entry against its hash.").action((options: CacheOptions) => verify(options));
}

async function open(options: CacheOptions) {
  const { defaultCacheDirectory, openCache } = await import("../../core/cache.ts");
  return openCache(options.cacheDir ?? defaultCacheDirectory());
}

async function list(options: CacheOptions): Promise<void> {
  const { listCache } = await import("../../core/cache-maintenance.ts");
  const cache = await open(options);
  const entries = await listCache(cache);
  const total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (options.json)
    return writeJsonLine(process.stdout, { type: "cache", directory: cache.directory, sizeBytes: total, entries });
  for (const entry of entries.filter(({ kind }) => kind !== "package")) {
    const clones = entry.clones.length > 0 ? `, ${entry.clones.length} clones` : "";
    process.stdout.write(
      `${entry.kind.padEnd(6)} ${entry.key.slice(0, 12)} ${formatBytes(entry.sizeBytes).padStart(8)}  ${age(entry.usedAtMs).padStart(8)}  ${entry.title}${clones}\n`,
    );
  }
  const packages = entries.filter(({ kind }) => kind === "package");
  const packageBytes = packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  process.stdout.write(
    `${packages.length} packages ${formatBytes(packageBytes)}; in all ${formatBytes(total)} in ${cache.directory}\n`,
  );
}

async function collect(options: GcOptions): Promise<void> {
  const days = Number(options.maxAge ?? DEFAULT_AGE_DAYS);
  if (!(days >= 0)) throw new VmbuilderError("usage", `--max-age: "${options.maxAge}" is no number of days`);
  const maxBytes = options.maxSize === undefined ? undefined : parseSize(options.maxSize);
  const { collectGarbage } = await import("../../core/cache-maintenance.ts");
  const cache = await open(options);
  const usedBeforeMs = options.all ? Date.now() : Date.now() - days * DAY_MS;
  const removed = await collectGarbage(cache, { usedBeforeMs, ...(maxBytes === undefined ? {} : { maxBytes }) });
  const freed = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (options.json) return writeJsonLine(process.stdout, { type: "cache-gc", removed, freedBytes: freed });
  process.stdout.write(`removed ${removed.length} entries, ${formatBytes(freed)}\n`);
}

async function verify(options: CacheOptions): Promise<void> {
  const { verifyCache } = await import("../../core/cache-maintenance.ts");
  const cache = await open(options);
  let checked = 0;
  const damaged = await runSession({ quiet: true }, ({ signal }) => verifyCache(cache, signal, () => checked++));
  if (options.json) writeJsonLine(process.stdout, { type: "cache-verify", checked, damaged });
  else process.stdout.write(`${checked} entries checked, ${damaged.length} damaged\n`);
  if (damaged.length > 0) {
    throw new VmbuilderError(
      "cache-corrupt",
      `${damaged.length} damaged entries were removed from ${cache.directory}`,
      { hint: "the next build makes them anew; check the disk if it happens again" },
    );
  }
}

function age(atMs: number): string {
  const hours = (Date.now() - atMs) / 3_600_000;
  return hours >= 48
    ? `${Math.floor(hours / 24)} days`
    : hours >= 1
      ? `${Math.floor(hours)} h`
      : `${Math.floor(hours * 60)} min`;
}
