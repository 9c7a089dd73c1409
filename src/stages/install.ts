import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, commitObject, findObject, listObjects, objectFile, verifyObject } from "../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../core/context.ts";
import type { Distro, TreeFacts } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import { type Lock, packageId } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { packTree, unpackTree } from "../system/tree-archive.ts";

/** A finished operating system tree. */
export interface Tree {
  readonly key: string;
  readonly title: string;
  readonly facts: TreeFacts;
  /** Folder that holds the tree, unless it is only in the cache yet. */
  readonly directory: string | undefined;
  /** Folder that holds the boot loader's images. */
  readonly bootDirectory: string;
}

export const TREE_ARCHIVE = "tree.tar.zst";

/** The key of the tree that a lock leads to. */
export function treeKey(distro: Distro, plan: Plan, lock: Lock): string {
  const packages = lock.packages.map((ref) => `${packageId(ref)} ${ref.sha256}`).sort();
  const sources = lock.sources.map(({ uri, suites, components }) => ({ uri, suites, components }));
  return stepKey("tree", distro.treeVersion, {
    distro: distro.name,
    architecture: plan.architecture,
    packages,
    manual: [...lock.manual].sort(),
    sources,
  });
}

/** Finds a finished tree in the cache. */
export async function findTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  context: BuildContext,
): Promise<Tree | undefined> {
  const key = treeKey(distro, plan, lock);
  const object = await findObject(context.cache, "tree", key);
  if (!object || !(await verifyObject(context.cache, object, context.signal))) return undefined;
  return {
    key,
    title: object.meta.title,
    facts: object.meta.facts as TreeFacts,
    directory: undefined,
    bootDirectory: object.directory,
  };
}

/**
 * Makes the tree, on top of the largest cached one that holds nothing but wanted packages in their wanted versions.
 *
 * @throws download and script errors
 */
export async function installTree(distro: Distro, plan: Plan, lock: Lock, context: BuildContext): Promise<Tree> {
  const key = treeKey(distro, plan, lock);
  const directory = join(context.workDirectory, "tree");
  await mkdir(directory, { mode: 0o755 });
  const request = { tree: directory, plan, lock };
  const subset = await largestSubset(plan, lock, context);
  if (subset) {
    await runStep(context, "install/base", "Unpack the nearest cached system", () =>
      unpackTree(objectFile(subset.object, TREE_ARCHIVE), directory, context.signal),
    );
  }
  await distro.install(request, subset ? subset.facts.packages.map(packageId) : [], context);
  const bootDirectory = join(context.workDirectory, "boot");
  await mkdir(bootDirectory);
  const facts = await runStep(context, "install/finish", "Clean up", () =>
    distro.finish(request, bootDirectory, context),
  );
  const title = `${distro.name} ${plan.suite} ${plan.architecture}, ${lock.packages.length} packages`;
  return { key, title, facts, directory, bootDirectory };
}

/** Puts a tree that was just made into the cache. */
export async function keepTree(tree: Tree, context: BuildContext): Promise<void> {
  const { directory } = tree;
  if (directory === undefined) return;
  await runStep(context, "install/keep", "Keep the system in the cache", () =>
    commitObject(context.cache, "tree", tree.key, tree.title, async (target) => {
      await cp(tree.bootDirectory, target, { recursive: true });
      await packTree(directory, join(target, TREE_ARCHIVE), context.signal);
      return tree.facts;
    }),
  );
}

async function largestSubset(
  plan: Plan,
  lock: Lock,
  context: BuildContext,
): Promise<{ object: CacheObject; facts: TreeFacts } | undefined> {
  const wanted = new Set(lock.packages.map((ref) => `${packageId(ref)} ${ref.sha256}`));
  const candidates = (await listObjects(context.cache, "tree"))
    .map((object) => ({ object, facts: object.meta.facts as TreeFacts }))
    .filter(({ facts }) => facts.packages.every((ref) => wanted.has(`${packageId(ref)} ${ref.sha256}`)))
    .sort((a, b) => b.facts.packages.length - a.facts.packages.length);
  for (const candidate of candidates) {
    if (await verifyObject(context.cache, candidate.object, context.signal)) return candidate;
    logLine(context, "install", "warning", `a cached ${plan.suite} system was damaged and is made anew`);
  }
  return undefined;
}
