import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, listObjects, objectFile, verifyObject } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { TreeFacts } from "../core/distro.ts";
import type { Plan } from "../model/plan.ts";
import { removeGuestTree } from "../system/files.ts";
import { unpackTree } from "../system/tree-archive.ts";

/** What a tree was asked for: by it, the tree is guessed on which a build will stand before its packages are known. */
export interface Asked extends Pick<Plan, "suite" | "architecture" | "packages"> {
  /** Whether seeds or the recipe's scripts have made it another tree than its packages alone. */
  readonly changed: boolean;
  /** Scripts of settings that have run in it. */
  readonly settings?: readonly string[];
}

/** What is remembered of a tree. */
export interface KeptFacts extends TreeFacts {
  /** The distribution's, when it was made. */
  readonly treeVersion?: number;
  readonly asked?: Asked;
}

/** Unpacks the cached tree that a build will most likely start from, while the solver works on one processor alone. */
export interface HeadStart {
  /** Begins, unless it has begun. */
  begin(): void;
  /** Waits for it. True when the work folder's `tree` holds that object, whole and verified; it is the caller's then. */
  take(object: CacheObject): Promise<boolean>;
  /** Stops it and removes what it made, unless that was taken. */
  discard(): Promise<void>;
}

export const TREE_ARCHIVE = "tree.tar.zst";

/** Prepares a head start for a build. Nothing happens before it begins. */
export function prepareHeadStart(plan: Plan, context: BuildContext): HeadStart {
  const directory = join(context.workDirectory, "tree");
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  let guess: CacheObject | undefined;
  let unpacking: Promise<boolean> | undefined;
  const unpack = async (): Promise<boolean> => {
    guess = likeliestBase(plan, await listObjects(context.cache, "tree"));
    if (!guess) return false;
    await mkdir(directory, { mode: 0o755 });
    const verifying = verifyObject(context.cache, guess, signal);
    const unpacked = unpackTree(objectFile(guess, TREE_ARCHIVE), directory, signal);
    try {
      const [whole] = await Promise.all([verifying, unpacked]);
      return whole;
    } finally {
      await Promise.allSettled([verifying, unpacked]); // what still writes there must have ended when the folder is removed
    }
  };
  return {
    begin() {
      unpacking ??= unpack().catch(() => false); // what is wrong with that object shows when it is really wanted
    },
    async take(object) {
      const isTaken = unpacking !== undefined && guess?.key === object.key && (await unpacking);
      if (isTaken) unpacking = undefined; // it is the caller's now
      return isTaken;
    },
    async discard() {
      if (!unpacking) return;
      stop.abort();
      await unpacking;
      unpacking = undefined;
      await removeGuestTree(directory);
    },
  };
}

/** The largest tree of the same suite that was asked for nothing that this plan doesn't ask for, too. */
function likeliestBase(plan: Plan, trees: readonly CacheObject[]): CacheObject | undefined {
  const sizes = new Map<CacheObject, number>();
  for (const tree of trees) {
    const { asked, packages } = tree.meta.facts as KeptFacts;
    if (asked && isPartOf(asked, plan)) sizes.set(tree, packages.length);
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
