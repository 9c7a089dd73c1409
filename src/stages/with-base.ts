import { type CacheObject, discardObject, findObject, verifyObject, withObjectLock } from "../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../core/context.ts";
import type { Distro, TreeFacts } from "../core/distro.ts";
import { together } from "../core/together.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { isOneFileSystem, sharesBlocks } from "../system/files.ts";
import { assembleBase, baseKey, hashBaseImages, keepBase, type NewBase } from "./assemble.ts";
import { type BaseDisk, baseImage, findBase } from "./base-disk.ts";
import { readsBase } from "./deploy.ts";
import { findGround, type Ground, growBase } from "./grow-base.ts";
import type { HeadStart } from "./head-start.ts";
import { keepTree, obtainTree, type Tree, treeKey } from "./install.ts";

/**
 * Does something with a base disk. `kept` must be awaited before the result counts: it resolves when the base is known to
 * be good: read and verified if it came from the cache, written there if it was made now. Meanwhile `use` can work.
 */
type UseBase<T> = (base: BaseDisk, kept: Promise<unknown>) => Promise<T>;

/** Refuses a finished tree that the machine can't be made from, before a disk is made of it. */
type CheckTree = (facts: TreeFacts) => void;

/**
 * Finds the base disk in the cache or makes it. Of two builds that want the same, one makes it and the other waits.
 * A damaged one is made anew.
 *
 * @param leadsToDisk whether `use` makes the machine's own disks
 * @throws what installing and assembling throw
 */
export async function withBase<T>(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
  check: CheckTree,
  leadsToDisk: boolean,
  use: UseBase<T>,
): Promise<T> {
  const tree = treeKey(distro, plan, lock);
  const key = baseKey(tree, plan);
  const cached = async () => {
    // a disk alone doesn't tell what is installed on it
    const mayUse = plan.recipe.sbom.length === 0 || (await findObject(context.cache, "tree", tree));
    return mayUse ? useCached(key, plan, context, use) : undefined;
  };
  return (
    (await cached()) ??
    withObjectLock(
      context.cache,
      "disk",
      key,
      context.signal,
      async () => (await cached()) ?? make(distro, plan, lock, headStart, context, check, leadsToDisk, use),
    )
  );
}

async function useCached<T>(key: string, plan: Plan, context: BuildContext, use: UseBase<T>): Promise<T | undefined> {
  const base = await findBase(key, context);
  if (!base) return undefined;
  for (const [step, title] of [
    ["install", "Install packages"],
    ["assemble", "Make the disk"],
  ] as const) {
    context.emit({ type: "cached", step, title, key, atMs: Date.now() });
  }
  const readByUse = readsBase(plan) ? base.disks.map((_, index) => baseImage(index)) : [];
  try {
    return await inBackground(
      context,
      async (inner) => {
        if (await verifyObject(context.cache, base.object, inner.signal, readByUse)) return;
        throw new VmbuilderError("cache-corrupt", `${base.object.directory} is damaged`, {
          hint: "run the same command again",
        });
      },
      (kept) => use(base, kept),
    );
  } catch (error) {
    if (!(error instanceof VmbuilderError) || error.code !== "cache-corrupt") throw error;
    await discardObject(context.cache, base.object);
    logLine(context, "assemble", "warning", "the cached disk was damaged; it is made anew");
    return undefined;
  }
}

async function make<T>(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
  check: CheckTree,
  leadsToDisk: boolean,
  use: UseBase<T>,
): Promise<T> {
  const withTwins = leadsToDisk && readsBase(plan) && (await isCopyWorthwhile(context.workDirectory, plan.destination));
  const opened = Promise.withResolvers<CacheObject | undefined>();
  return inBackground(
    context,
    async (inner) => {
      const on = await opened.promise;
      return on && findGround(on, plan, withTwins, inner);
    },
    async (ground) => {
      const tree = await obtainTree(distro, plan, lock, headStart, context, opened.resolve).finally(() =>
        opened.resolve(undefined),
      );
      const made = await assemble(distro, plan, tree, ground, context, check);
      return inBackground(
        context,
        async (inner) => made.images ?? hashBaseImages(made, withTwins, inner),
        (images) => {
          const base = { ...made, images };
          return inBackground(
            context,
            (inner) => together([keepBase(base, inner), keepTree(tree, inner)]),
            (kept) => use(base, kept),
          );
        },
      );
    },
  );
}

/** What can't be made of a tree, another recipe can: it is kept in any case, so that the mistake's correction costs little. */
async function assemble(
  distro: Distro,
  plan: Plan,
  tree: Tree,
  finding: Promise<Ground | undefined>,
  context: BuildContext,
  check: CheckTree,
): Promise<NewBase> {
  try {
    check(tree.facts);
    return await runStep(context, "assemble", "Make the disk", async () => {
      const grown = await growFrom(finding, plan, tree, context);
      return grown ?? assembleBase(distro, plan, tree, context);
    });
  } catch (error) {
    await keepTree(tree, context).catch(() => {}); // the first error says more
    throw error;
  }
}

/** The other way is always there: what goes wrong on this one is no failure, but an interrupt or a full disk. */
async function growFrom(finding: Promise<Ground | undefined>, plan: Plan, tree: Tree, context: BuildContext) {
  try {
    const ground = await finding;
    return ground && (await growBase(plan, tree, ground, context));
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof VmbuilderError && error.code === "disk-full") throw error;
    logLine(context, "assemble", "debug", `the disk can't grow: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** Whether a file written here now spares copying one there later: it can move there, and a copy there isn't for nothing. */
async function isCopyWorthwhile(here: string, there: string): Promise<boolean> {
  return (await isOneFileSystem(here, there)) && !(await sharesBlocks(here));
}

/** Runs one thing beside another; when the other fails, the first is stopped, and it has always ended when this returns. */
async function inBackground<T, S>(
  context: BuildContext,
  side: (context: BuildContext) => Promise<S>,
  main: (done: Promise<S>) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const done = side({ ...context, signal: AbortSignal.any([context.signal, stop.signal]) });
  done.catch(() => {}); // `main` awaits it, or has failed before
  try {
    return await main(done);
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    await Promise.allSettled([done]);
  }
}
