import type { Command } from "commander";
import type { Plan } from "../../model/plan.ts";
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
  const [{ readRecipes }, { planBuild }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
  ]);
  const cells = await readRecipes(file, recipeOptions(values), await readSurroundings(values));
  // A lock that is to be renewed says nothing of what will be chosen; it belongs to one machine, and only a build renews it.
  const lockedFile = values["update-lock"] || cells.length > 1 ? undefined : file;
  const planned = await Promise.all(cells.map(async ({ label, recipe }) => ({ label, plan: await planBuild(recipe) })));
  for (const { label, plan } of planned) await showOne(label, plan, lockedFile, values);
}

async function showOne(
  label: string,
  plan: Plan,
  lockedFile: string | undefined,
  values: BuildOptionValues,
): Promise<void> {
  const [{ previewBuild }, { defaultCacheDirectory }, { formatPreview }] = await Promise.all([
    import("../../stages/preview.ts"),
    import("../../core/cache.ts"),
    import("../terminal/preview.ts"),
  ]);
  const preview = await runSession(values, async ({ signal, emit }) => {
    const options = { cacheDirectory: values["cache-dir"] ?? defaultCacheDirectory(), signal, emit };
    const findLock = await prepareLock(lockedFile, plan, { ...values, "update-lock": false });
    return previewBuild(plan, await findLock(options), options);
  });
  if (values.json) {
    const packages = preview.packages.map(
      ({ name, version, architecture, sizeBytes, installedSizeBytes, isCached }) => {
        return { name, version, architecture, sizeBytes, installedSizeBytes, isCached };
      },
    );
    const cell = label === "" ? {} : { cell: label };
    const facts = { ...describePlan(plan), ...preview, asked: plan.packages, packages };
    writeJsonLine(process.stdout, { type: "plan", ...cell, ...facts });
    return;
  }
  if (process.stderr.isTTY && !values.quiet) process.stderr.write("\n"); // apart from the steps above
  process.stdout.write(`${formatPlan(plan)}${formatPreview(preview)}${label === "" ? "" : "\n"}`);
}
