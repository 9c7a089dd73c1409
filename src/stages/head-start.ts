import { join } from "node:path";
import { type CacheObject, listObjects } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { Plan } from "../model/plan.ts";
import { type Asked, closeTree, type KeptFacts, type OpenTree, openTree } from "./kept-tree.ts";
import { findDistro } from "./plan.ts";

/** Opens the cached tree that a build will most likely start from, while the solver works on one processor alone. */
export interface HeadStart {
  /** Begins, unless it has begun. */
  begin(): void;
  /** Waits for it, and hands out the tree if it is that object's; it is the caller's then. */
  take(object: CacheObject): Promise<OpenTree | undefined>;
  /** Stops it and removes what it made, unless that was taken. */
  discard(): Promise<void>;
}

/** Prepares a head start for a build. Nothing happens before it begins. */
export function prepareHeadStart(plan: Plan, context: BuildContext): HeadStart {
  const directory = join(context.workDirectory, "tree");
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  let opening: Promise<OpenTree | undefined> | undefined;
  const open = async () => {
    const guess = likeliestBase(plan, await listObjects(context.cache, "tree"));
    return guess && openTree(guess, directory, { cache: context.cache, signal });
  };
  return {
    begin() {
      opening ??= open().catch(() => undefined); // what is wrong with that object shows when it is really wanted
    },
    async take(object) {
      const tree = await opening;
      if (tree?.object.key !== object.key) return undefined;
      opening = undefined; // it is the caller's now
      return tree;
    },
    async discard() {
      if (!opening) return;
      stop.abort();
      await opening;
      opening = undefined;
      await closeTree(directory);
    },
  };
}

/** The largest tree of the same suite that was asked for nothing that this plan doesn't ask for, too. */
function likeliestBase(plan: Plan, trees: readonly CacheObject[]): CacheObject | undefined {
  const sizes = new Map<CacheObject, number>();
  const { treeVersion } = findDistro(plan.recipe.distro);
  for (const tree of trees) {
    const { asked, packages, treeVersion: version } = tree.meta.facts as KeptFacts;
    if (asked && version === treeVersion && isPartOf(asked, plan)) sizes.set(tree, packages.length);
  }
  return [...sizes].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Whether a tree has no other settings than are wanted; what it lacks is set on top of it. */
export function isSetLikewise({ settings = [] }: Pick<Asked, "settings">, { changes }: Pick<Plan, "changes">): boolean {
  return settings.every((script) => changes.settings.some(({ content }) => content === script));
}

function isPartOf(asked: Asked, plan: Plan): boolean {
  const within = (some: readonly string[], all: readonly string[]) => some.every((name) => all.includes(name));
  return (
    !asked.changed &&
    isSetLikewise(asked, plan) &&
    plan.changes.debconf === "" &&
    asked.suite === plan.suite &&
    asked.architecture === plan.architecture &&
    within(asked.packages.priorities, plan.packages.priorities) &&
    within(asked.packages.include, plan.packages.include) &&
    within(plan.packages.exclude, asked.packages.exclude)
  );
}
