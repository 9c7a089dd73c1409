import { join } from "node:path";
import type * as z from "zod";
import { Slots } from "../../core/slots.ts";
import { ERROR_TABLE, type ErrorCode, VmbuilderError } from "../../model/errors.ts";
import { logins } from "../../model/logins.ts";
import type { Plan } from "../../model/plan.ts";
import { contentOf, type DiskPlan, SECTOR_BYTES } from "../../model/storage-plan.ts";
import { mountsOf, volumesOf } from "../../model/storage-request.ts";
import { type RunResult, run } from "../../system/process.ts";
import { planGiven } from "../recipes/check-recipe.ts";
import { withoutFolder, withRecipeFolder } from "../recipes/recipe-folder.ts";
import { RECIPE_FILE, type RecipeInput, takeRecipe } from "../recipes/recipe-input.ts";
import type { planSchema } from "../routes/recipes.ts";
import type { ServerContext } from "../server-context.ts";
import { estimateSeconds } from "./estimate.ts";

const PLAN_TIMEOUT_MS = 120_000;
/** apt's solver takes a core and some hundred MiB. */
const planning = new Slots(2);

/** What `vmbuilder plan --json` says at its end. */
interface PlanLine {
  readonly type: "plan";
  readonly packages: readonly { readonly sizeBytes: number; readonly installedSizeBytes: number }[];
  readonly downloadBytes: number;
  readonly steps: readonly { step: string; title: string; isCached: boolean; added?: number }[];
}

/**
 * Asks the command line itself what a build would do: it resolves the packages in a process of its own.
 *
 * @throws recipe, mirror and package errors
 */
export async function previewRecipe(
  input: RecipeInput,
  { settings, database, folder }: ServerContext,
  signal: AbortSignal,
): Promise<z.output<typeof planSchema>> {
  const given = takeRecipe(input);
  const plan = await planGiven(given, { work: folder.work, hosts: settings.mirrorHosts });
  return withRecipeFolder(folder.work, given, async (directory) => {
    const argv = [
      ...settings.command,
      "plan",
      join(directory, RECIPE_FILE),
      "--no-lock",
      "--cache-dir",
      settings.cacheDirectory,
    ];
    const { stdout } = await planning.run(() => ask([...argv, "--json"], signal, directory));
    const line = lastLine(stdout, "plan") as PlanLine | undefined;
    if (!line) throw new VmbuilderError("command-failed", "vmbuilder plan said nothing");
    const [install, assemble] = ["install", "assemble"].map((step) => line.steps.find((one) => one.step === step));
    const kind = assemble?.isCached
      ? "disk"
      : install?.isCached
        ? "tree"
        : install?.added === undefined
          ? "nothing"
          : "part";
    return {
      summary: summarize(plan),
      hostname: plan.recipe.hostname,
      suite: plan.suite,
      architecture: plan.architecture,
      logins: logins(plan),
      disks: [plan.disk, ...(plan.moreDisks ?? [])].map(showDisk),
      packages: line.packages.length,
      packageBytes: line.packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      installedBytes: line.packages.reduce((sum, { installedSizeBytes }) => sum + installedSizeBytes, 0),
      downloadBytes: line.downloadBytes,
      steps: [...line.steps],
      isCached: kind === "disk",
      estimate: estimateSeconds(database, kind, line.packages.length),
    };
  });
}

async function ask(argv: readonly string[], signal: AbortSignal, directory: string): Promise<RunResult> {
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => !!entry[1]));
  const result = await run(argv, { env, signal, timeoutMs: PLAN_TIMEOUT_MS, okStatuses: [0, 1, 2] });
  if (result.status === 0) return result;
  const said = lastLine(result.stdout, "error") as { code: string; message: string; hint?: string } | undefined;
  const code = said && Object.hasOwn(ERROR_TABLE, said.code) ? (said.code as ErrorCode) : "command-failed";
  const error = new VmbuilderError(
    code,
    said?.message ?? "vmbuilder plan failed",
    said?.hint ? { hint: said.hint } : {},
  );
  throw withoutFolder(error, directory);
}

function lastLine(output: string, type: string): unknown {
  const line = output.split("\n").findLast((one) => one.startsWith(`{"type":"${type}"`));
  return line === undefined ? undefined : JSON.parse(line);
}

function summarize({ recipe, suite, architecture, disk }: Plan): string {
  const size = `${Math.round(disk.sizeBytes / 1024 ** 2)} MiB`;
  return `${recipe.hostname}: ${recipe.distro} ${suite}, ${architecture}, for ${recipe.hypervisor.join(", ")}, a disk of ${size}`;
}

function showDisk({ sizeBytes, partitions }: DiskPlan) {
  return {
    sizeBytes,
    partitions: partitions.map((partition) => {
      const volumes = volumesOf(contentOf(partition));
      return {
        number: partition.number,
        role: partition.role,
        sizeBytes: partition.sizeSectors * SECTOR_BYTES,
        fs: volumes[0]?.fs ?? null,
        mounts: volumes.flatMap(mountsOf),
      };
    }),
  };
}
