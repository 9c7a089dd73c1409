import type { Command } from "commander";
import { lockPath } from "../../core/lock-path.ts";
import { readSurroundings } from "../recipe-options.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface LockOptions {
  cacheDir?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `vmbuilder lock`. */
export function addLock(program: Command): void {
  program
    .command("lock")
    .argument("<RECIPE>", "recipe file, such as web.yaml")
    .summary("Pins a recipe's packages in RECIPE's lock file.")
    .description(
      "Chooses the packages of a recipe and writes them, with their hashes, to the lock file beside it: web.yaml gets web.lock. `build` then installs exactly these.",
    )
    .option("--cache-dir <DIR>", "cache (default ~/.cache/vmbuilder)")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((file: string, options: LockOptions) => lock(file, options));
}

async function lock(file: string, options: LockOptions): Promise<void> {
  const [{ readRecipe }, { planBuild }, { writeLock }, { defaultCacheDirectory }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
    import("../../stages/lock.ts"),
    import("../../core/cache.ts"),
  ]);
  const plan = await planBuild(await readRecipe(file, {}, await readSurroundings({})));
  const path = lockPath(file);
  const cacheDirectory = options.cacheDir ?? defaultCacheDirectory();
  const { packages } = await runSession(options, ({ signal, emit }) =>
    writeLock(path, plan, { cacheDirectory, signal, emit }),
  );
  if (options.json) writeJsonLine(process.stdout, { type: "result", lock: path, packages: packages.length });
  else if (!options.quiet)
    process.stdout.write(`${path} names ${packages.length} packages; vmbuilder build ${file} uses it\n`);
}
