import { type Command, Option } from "commander";
import type { ArchivePlace, Distro, UpgradeWay } from "../../../core/distro.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { type ConffilePolicy, type UpgradeRun, upgradeFailure } from "../../../model/upgrade-run.ts";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../../options.ts";
import { readSurroundings, recipeOptions } from "../../recipe-options.ts";
import { runSession } from "../../session.ts";
import { wantsColor } from "../../terminal/color.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { formatUpgradeRun } from "../../terminal/upgrade-summary.ts";
import { BUILD_CHOICES, prepareLock } from "../build.ts";
import { readSeconds } from "./shared.ts";
import { NOT_HERE, originOf } from "./up.ts";

interface UpgradeOptions {
  from?: string;
  to?: string;
  securityUpdates?: boolean;
  conffiles: ConffilePolicy;
  report?: string;
  keep?: boolean;
  timeout?: string;
}

/** Adds `vmbuilder upgrade-test`. */
export function addUpgradeTest(program: Command): void {
  const command = program
    .command("upgrade-test")
    .argument("<RECIPE>", "recipe file; its tests: are run before and after")
    .summary("Tests a release upgrade, or updates.")
    .description(
      "Makes a throwaway machine from a recipe, runs its tests, upgrades it to another release, boots it and runs them again.",
    )
    .option("--from <SUITE>", "release to come from (default the recipe's)")
    .option("--to <SUITE>", "release to go to")
    .option("--security-updates", "stay with the release, and install its updates")
    .addOption(
      new Option("--conffiles <WHOSE>", "whose file stays where both sides changed it: keep the machine's, or new")
        .choices(["keep", "new"])
        .default("keep"),
    )
    .option("--report <FILE>", "write a page of what changed, failed and how long it took")
    .option("--keep", "keep the machine, with snapshots before-upgrade and after-upgrade")
    .option("--timeout <SECONDS>", "how long the upgrade may take (default 1800, without KVM 10800)");
  addBuildOptions(command, BUILD_CHOICES, [...NOT_HERE, "suite"]).action((recipe: string) =>
    upgradeTest(recipe, readBuildOptions(command), command.opts<UpgradeOptions>()),
  );
}

async function upgradeTest(file: string, given: BuildOptionValues, options: UpgradeOptions): Promise<void> {
  const timeoutMs = readSeconds("--timeout", options.timeout);
  checkTarget(options);
  const [{ readRecipe }, { planBuild, findDistro }, { openStore }, { runUpgradeTest }, { defaultCacheDirectory }] =
    await Promise.all([
      import("../../../core/recipe-file.ts"),
      import("../../../stages/plan.ts"),
      import("../../../machines/store.ts"),
      import("../../../machines/upgrade/run.ts"),
      import("../../../core/cache.ts"),
    ]);
  const own = options.from === undefined ? {} : { suite: options.from };
  const recipe = await readRecipe(file, { ...recipeOptions(given), ...own }, await readSurroundings(given));
  const distro = findDistro(recipe.distro);
  const { from, to, way } = await findWay(distro, recipe, options.to);
  const findLock = await prepareLock(file, await planBuild(recipe), given);
  const target = await planBuild({ ...recipe, suite: to ?? from });
  const store = await openStore();
  const run = await runSession(given, async (session) => {
    const { signal, emit } = session;
    const archive: ArchivePlace = await distro.findArchive(target, signal);
    const common = { cacheDirectory: given["cache-dir"] ?? defaultCacheDirectory(), signal, emit };
    const lock = await findLock(common);
    for (const message of notes(distro, from, to, way, lock !== undefined))
      emit({ type: "log", step: "check", level: "warning", message, atMs: Date.now() });
    return runUpgradeTest(store, {
      ...{ ...common, recipe, origin: originOf(file), lock, from, to, way, archive, timeoutMs },
      ...{ conffilePolicy: options.conffiles, keep: options.keep ?? false },
    });
  });
  await report(run, given, options);
}

/** @throws usage */
function checkTarget({ to, securityUpdates }: UpgradeOptions): void {
  if (to === undefined && !securityUpdates)
    throw new VmbuilderError("usage", "upgrade-test: no release to go to is given", {
      hint: "give --to SUITE, or --security-updates for the updates of the release",
    });
  if (to !== undefined && securityUpdates)
    throw new VmbuilderError("usage", "--to and --security-updates exclude each other", {
      hint: "--security-updates stays with the release",
    });
}

/** @throws suite-unknown, usage when the way leads back */
async function findWay(
  distro: Distro,
  recipe: Recipe,
  wanted: string | undefined,
): Promise<{ from: string; to: string | undefined; way: UpgradeWay }> {
  const from = await distro.resolveSuite(recipe.suite);
  if (wanted === undefined) return { from, to: undefined, way: { by: "full-upgrade", passedOver: [] } };
  const to = await distro.resolveSuite(wanted);
  const suites = await distro.listSuites();
  if (suites.indexOf(to) <= suites.indexOf(from))
    throw new VmbuilderError(
      "usage",
      `--to ${to}: ${distro.title} ${to} is ${to === from ? "where it comes from" : `older than ${from}`}`,
      {
        hint:
          to === from
            ? "for the updates of a release give --security-updates in the place of --to"
            : "packages are never downgraded: exchange --from and --to",
      },
    );
  return { from, to, way: await distro.findUpgradeWay(from, to) };
}

function notes(
  { title }: Distro,
  from: string,
  to: string | undefined,
  { passedOver }: UpgradeWay,
  isLocked: boolean,
): string[] {
  if (to === undefined)
    return isLocked
      ? []
      : [
          `without a lock the machine is made of today's packages of ${from}, and there is little to update; see vmbuilder lock`,
        ];
  if (passedOver.length === 0) return [];
  return [`${title} supports no upgrade from ${from} to ${to}: it passes over ${passedOver.join(", ")}`];
}

async function report(run: UpgradeRun, given: BuildOptionValues, { report: file }: UpgradeOptions): Promise<void> {
  if (file !== undefined) {
    const [{ formatUpgradeHtml }, { writeFileAtomically }] = await Promise.all([
      import("../../../machines/reports/upgrade-html.ts"),
      import("../../../system/files.ts"),
    ]);
    await writeFileAtomically(file, formatUpgradeHtml(run));
  }
  const { evidence, ...rest } = run;
  if (given.json) writeJsonLine(process.stdout, { type: "upgrade", ...rest, console: evidence?.console });
  else if (!given.quiet)
    process.stdout.write(formatUpgradeRun(run, { color: wantsColor(process.stdout, process.env) }));
  const failure = upgradeFailure(run);
  if (failure !== undefined) throw new VmbuilderError("upgrade-failed", failure);
}
