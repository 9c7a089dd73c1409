import { stat } from "node:fs/promises";
import { join } from "node:path";
import { findObject, openCache } from "../core/cache.ts";
import { runStep } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import type { Lock, PackageRef } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { baseKey } from "./assemble.ts";
import type { BuildOptions } from "./build.ts";
import { listSubsets, treeKey } from "./install.ts";
import { findDistro } from "./plan.ts";

/** What a build would do now, with the cache as it is. */
export interface Preview {
  readonly packages: readonly (PackageRef & { readonly isCached: boolean })[];
  /** Bytes of the packages that a build would fetch. */
  readonly downloadBytes: number;
  readonly steps: readonly PreviewStep[];
}

/** A step that a build would take; `added` is the number of packages that it would put on a cached system. */
export interface PreviewStep {
  readonly step: "install" | "assemble";
  readonly title: string;
  readonly isCached: boolean;
  readonly added?: number;
}

/**
 * Chooses the packages of a plan as a build would, and looks which of its steps the cache would save. Nothing is built;
 * package lists and the choice stay in the cache, so that a build which follows has them.
 *
 * @param lock packages that are chosen already
 * @throws mirror, release and package errors
 */
export async function previewBuild(
  plan: Plan,
  lock: Lock | undefined,
  options: Pick<BuildOptions, "cacheDirectory" | "signal" | "emit">,
): Promise<Preview> {
  const cache = await openCache(options.cacheDirectory);
  return withContext(cache, options.signal, options.emit, async (context) => {
    const distro = findDistro(plan.recipe.distro);
    const chosen = lock ?? (await runStep(context, "resolve", "Resolve packages", () => distro.resolve(plan, context)));
    const tree = treeKey(distro, plan, chosen);
    const hasDisk = (await findObject(cache, "disk", baseKey(tree, plan))) !== undefined;
    const hasTree = hasDisk || (await findObject(cache, "tree", tree)) !== undefined;
    const [base] = hasTree ? [] : await listSubsets(plan, chosen, context);
    const present = new Set(base?.packages.map(({ sha256 }) => sha256));
    const packages = await Promise.all(
      chosen.packages.map(async (ref) => {
        const file = await stat(join(cache.packages, `${ref.sha256}.deb`)).catch(() => undefined);
        return { ...ref, isCached: file?.size === ref.sizeBytes };
      }),
    );
    const wanted = hasTree ? [] : packages.filter(({ isCached, sha256 }) => !isCached && !present.has(sha256));
    const added = base ? chosen.packages.length - base.packages.length : undefined;
    return {
      packages,
      downloadBytes: wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      steps: [
        { step: "install", title: "Install packages", isCached: hasTree, ...(added === undefined ? {} : { added }) },
        { step: "assemble", title: "Make the disk", isCached: hasDisk },
      ],
    };
  });
}
