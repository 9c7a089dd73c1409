import { openCache } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import type { Identity } from "../model/identity.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { baseKey } from "./assemble.ts";
import { findBase } from "./base-disk.ts";
import type { BuildOptions } from "./build.ts";
import { checkHost } from "./check-host.ts";
import { prepareHeadStart } from "./head-start.ts";
import { treeKey } from "./install.ts";
import { findDistro } from "./plan.ts";
import { withBase } from "./with-base.ts";

/** A base disk that is in the cache. */
export interface ObtainedBase {
  readonly key: string;
  readonly lock: Lock;
}

/**
 * Sees to it that the cache holds the base disk of a plan: resolve, install, assemble, as far as it isn't there. Its content
 * isn't read when it is.
 *
 * @throws what building throws
 */
export async function obtainBase(
  plan: Plan,
  identity: Identity,
  options: Pick<BuildOptions, "cacheDirectory" | "lock" | "signal" | "emit">,
): Promise<ObtainedBase> {
  await runStep(options, "check", "Check the host", () => checkHost(plan));
  const cache = await openCache(options.cacheDirectory);
  return withContext(cache, options.signal, options.emit, async (timeless) => {
    const context: BuildContext = { ...timeless, epochSeconds: options.lock?.epochSeconds };
    const distro = findDistro(plan.recipe.distro);
    const headStart = prepareHeadStart(plan, context);
    try {
      const lock =
        options.lock ??
        (await runStep(context, "resolve", "Resolve packages", () => distro.resolve(plan, context, headStart.begin)));
      const key = baseKey(treeKey(distro, plan, lock), plan);
      if (await findBase(key, context)) {
        context.emit({ type: "cached", step: "assemble", title: "Make the disk", key, atMs: Date.now() });
        return { key, lock };
      }
      await withBase(
        distro,
        plan,
        lock,
        headStart,
        context,
        (facts) => void distro.identify(identity, facts, plan.disk),
        false,
        (_, kept) => kept,
      );
      return { key, lock };
    } finally {
      await headStart.discard();
    }
  });
}
