import type { Command } from "commander";
import { lockPath } from "../../core/lock-path.ts";
import { addSomeBuildOptions, type BuildOptionValues, readBuildOptions } from "../options.ts";
import { readSurroundings } from "../recipe-options.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

/** Where the rest of a recipe is, and how to work. */
const OPTIONS = ["profile", "var", "user-config", "system-config", "cache-dir", "json", "quiet"] as const;

/** Adds `vmbuilder lock`. */
export function addLock(program: Command): void {
  const command = program
    .command("lock")
    .argument("<RECIPE>", "recipe file, such as web.yaml")
    .summary("Pins a recipe's packages in RECIPE's lock file.")
    .description(
      "Chooses the packages of a recipe and writes them, with their hashes, to the lock file beside it: web.yaml gets web.lock. `build` then installs exactly these.",
    );
  addSomeBuildOptions(command, OPTIONS).action((file: string) => lock(file, readBuildOptions(command)));
}

async function lock(file: string, options: BuildOptionValues): Promise<void> {
  const [{ readRecipe }, { planBuild }, { writeLock }, { defaultCacheDirectory }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
    import("../../stages/lock.ts"),
    import("../../core/cache.ts"),
  ]);
  const plan = await planBuild(await readRecipe(file, {}, await readSurroundings(options)));
  const path = lockPath(file);
  const cacheDirectory = options["cache-dir"] ?? defaultCacheDirectory();
  const { packages } = await runSession(options, ({ signal, emit }) =>
    writeLock(path, plan, { cacheDirectory, signal, emit }),
  );
  if (options.json) writeJsonLine(process.stdout, { type: "result", lock: path, packages: packages.length });
  else if (!options.quiet)
    process.stdout.write(`${path} names ${packages.length} packages; vmbuilder build ${file} uses it\n`);
}
