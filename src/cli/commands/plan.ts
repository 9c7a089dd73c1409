import type { Command } from "commander";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../options.ts";
import { readSurroundings, recipeOptions } from "../recipe-options.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { describePlan, formatPlan } from "../terminal/plan.ts";
import { BUILD_CHOICES, prepareLock } from "./build.ts";

/** Adds `vmbuilder plan`. */
export function addPlan(program: Command): void {
  const command = program
    .command("plan")
    .argument("[RECIPE]")
    .summary("Shows disks, downloads, and what is in the cache.")
    .description("Shows what build would do with the same arguments: disks, downloads, cached steps. Builds nothing.");
  addBuildOptions(command, BUILD_CHOICES).action((file: string | undefined) => show(file, readBuildOptions(command)));
}

async function show(file: string | undefined, values: BuildOptionValues): Promise<void> {
  const [{ readRecipe }, { planBuild }, { previewBuild }, { defaultCacheDirectory }, { formatPreview }] =
    await Promise.all([
      import("../../core/recipe-file.ts"),
      import("../../stages/plan.ts"),
      import("../../stages/preview.ts"),
      import("../../core/cache.ts"),
      import("../terminal/preview.ts"),
    ]);
  const plan = await planBuild(await readRecipe(file, recipeOptions(values), await readSurroundings(values)));
  const preview = await runSession(values, async ({ signal, emit }) => {
    const options = { cacheDirectory: values["cache-dir"] ?? defaultCacheDirectory(), signal, emit };
    // A lock that is to be renewed says nothing of what will be chosen; it is renewed by the build alone.
    const findLock = await prepareLock(values["update-lock"] ? undefined : file, plan, {
      ...values,
      "update-lock": false,
    });
    return previewBuild(plan, await findLock(options), options);
  });
  if (values.json) {
    const packages = preview.packages.map(({ name, version, architecture, sizeBytes, isCached }) => {
      return { name, version, architecture, sizeBytes, isCached };
    });
    writeJsonLine(process.stdout, { type: "plan", ...describePlan(plan), ...preview, asked: plan.packages, packages });
    return;
  }
  if (process.stderr.isTTY && !values.quiet) process.stderr.write("\n"); // apart from the steps above
  process.stdout.write(formatPlan(plan) + formatPreview(preview));
}
