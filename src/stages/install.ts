import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, commitObject, findObject, listObjects, objectFile, verifyObject } from "../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../core/context.ts";
import type { Distro } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import type { MachineScript } from "../model/identity.ts";
import { type Lock, type PackageRef, packageId, sourceIdentity } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { removeGuestTree } from "../system/files.ts";
import { PATIENT } from "../system/process.ts";
import { packTree, unpackTree } from "../system/tree-archive.ts";
import { pinTreeTimes } from "../system/tree-times.ts";
import { type Asked, type HeadStart, isSetLikewise, type KeptFacts, TREE_ARCHIVE } from "./head-start.ts";
import { findDistro } from "./plan.ts";
import { runScripts } from "./tree-scripts.ts";

/** A finished operating system tree. */
export interface Tree {
  readonly key: string;
  readonly title: string;
  readonly facts: KeptFacts;
  /** Folder that holds the tree, unless it is only in the cache yet. */
  readonly directory: string | undefined;
  /** Folder that holds the boot loader's images. */
  readonly bootDirectory: string;
  /** False when it is quickly made from a cached tree: packing it would take longer. */
  readonly worthKeeping: boolean;
}

/** What takes less than this to install on a cached tree isn't kept: packing the tree would take longer. */
const QUICK_INSTALLATION_MS = 2000;

/** The key of the tree that a lock leads to. */
export function treeKey(distro: Distro, plan: Plan, lock: Lock): string {
  const packages = lock.packages.map((ref) => `${packageId(ref)} ${ref.sha256}`).sort();
  const sources = lock.sources.map(sourceIdentity);
  return stepKey("tree", distro.treeVersion, {
    distro: distro.name,
    architecture: plan.architecture,
    packages,
    manual: [...lock.manual].sort(),
    sources,
    ...(hasChanges(plan) ? { changes: { debconf: plan.changes.debconf, scripts: allScripts(plan) } } : {}),
    ...(plan.changes.scripts.length > 0 && plan.recipe["exec-network"] ? { online: true } : {}),
    ...(lock.epochSeconds === undefined ? {} : { epochSeconds: lock.epochSeconds }),
  });
}

function hasChanges(plan: Pick<Plan, "changes">): boolean {
  return plan.changes.debconf !== "" || allScripts(plan).length > 0;
}

function allScripts({ changes }: Pick<Plan, "changes">): MachineScript[] {
  return [...changes.settings, ...changes.scripts];
}

/** Finds a finished tree in the cache. If it is the one that was unpacked ahead, it is there already. */
export async function findTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<Tree | undefined> {
  const key = treeKey(distro, plan, lock);
  const object = await findObject(context.cache, "tree", key);
  if (!object) return undefined;
  const isUnpacked = await headStart.take(object);
  if (!isUnpacked) {
    await headStart.discard(); // its folder is wanted for this tree
    if (!(await verifyObject(context.cache, object, context.signal))) return undefined;
  }
  return {
    key,
    title: object.meta.title,
    facts: object.meta.facts as KeptFacts,
    directory: isUnpacked ? join(context.workDirectory, "tree") : undefined,
    bootDirectory: object.directory,
    worthKeeping: false, // it is kept
  };
}

/** Finds the tree that a lock leads to, or makes it. */
export function obtainTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<Tree> {
  return runStep(
    context,
    "install",
    "Install packages",
    async () =>
      (await findTree(distro, plan, lock, headStart, context)) ?? installTree(distro, plan, lock, headStart, context),
  );
}

/** The folder of a tree, which is unpacked if it is only in the cache yet. */
export async function treeFolder(tree: Tree, context: BuildContext): Promise<string> {
  if (tree.directory !== undefined) return tree.directory;
  const directory = join(context.workDirectory, "tree");
  await mkdir(directory, { mode: 0o755 });
  await runStep(context, "assemble/tree", "Unpack the cached system", () =>
    unpackTree(join(tree.bootDirectory, TREE_ARCHIVE), directory, context.signal),
  );
  return directory;
}

/**
 * Makes the tree, on top of the largest cached one that holds nothing but wanted packages in their wanted versions.
 *
 * @throws download and script errors
 */
export async function installTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<Tree> {
  const key = treeKey(distro, plan, lock);
  const directory = join(context.workDirectory, "tree");
  const request = { tree: directory, plan, lock };
  const base = await unpackBase(directory, plan, lock, headStart, context);
  const startedAt = performance.now();
  await distro.install(request, base.map(packageId), context);
  if (allScripts(plan).length > 0) {
    await runStep(context, "install/scripts", "Run scripts in the system", async () => {
      const { changes, recipe } = plan;
      await runScripts(directory, changes.settings, undefined, context);
      await runScripts(
        directory,
        changes.scripts,
        recipe["exec-network"] ? { proxy: recipe.proxy } : undefined,
        context,
      );
    });
  }
  const isRead = plan.recipe.sbom.length > 0; // from the cache
  const worthKeeping = base.length === 0 || isRead || performance.now() - startedAt > QUICK_INSTALLATION_MS;
  const bootDirectory = join(context.workDirectory, "boot");
  await mkdir(bootDirectory);
  const facts = await runStep(context, "install/finish", "Clean up", () =>
    distro.finish(request, bootDirectory, context),
  );
  if (context.epochSeconds !== undefined) await pinTreeTimes(directory, context.epochSeconds, context.signal);
  const title = `${distro.name} ${plan.suite} ${plan.architecture}, ${lock.packages.length} packages`;
  const asked: Asked = {
    suite: plan.suite,
    architecture: plan.architecture,
    packages: plan.packages,
    changed: plan.changes.debconf !== "" || plan.changes.scripts.length > 0,
    settings: plan.changes.settings.map(({ content }) => content),
  };
  return {
    key,
    title,
    facts: { ...facts, treeVersion: distro.treeVersion, asked },
    directory,
    bootDirectory,
    worthKeeping,
  };
}

/** Puts a tree that was just made into the cache, if it would spare the next build some time. */
export async function keepTree(tree: Tree, context: BuildContext): Promise<void> {
  const { directory, worthKeeping } = tree;
  if (directory === undefined || !worthKeeping) return;
  await runStep(context, "install/keep", "Keep the system in the cache", () =>
    commitObject(context.cache, "tree", tree.key, tree.title, async (target) => {
      await cp(tree.bootDirectory, target, { recursive: true });
      await packTree(directory, join(target, TREE_ARCHIVE), { signal: context.signal, niceness: PATIENT });
      return tree.facts;
    }),
  );
}

/** Removes a tree's folder as soon as nobody needs it; on a busy disk that takes a while. */
export async function releaseTree({ directory }: Tree, context: BuildContext): Promise<void> {
  if (directory === undefined) return;
  await runStep(context, "install/release", "Remove the system's work copy", () => removeGuestTree(directory));
}

/** Unpacks the largest cached tree that can be built on, and returns its packages; an empty folder has none. */
async function unpackBase(
  directory: string,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<readonly PackageRef[]> {
  for (const { object, packages } of await listSubsets(plan, lock, context)) {
    if (await headStart.take(object)) return packages;
    await headStart.discard();
    if (await verifyObject(context.cache, object, context.signal)) {
      await mkdir(directory, { mode: 0o755 });
      await runStep(context, "install/base", "Unpack the nearest cached system", () =>
        unpackTree(objectFile(object, TREE_ARCHIVE), directory, context.signal),
      );
      return packages;
    }
    logLine(context, "install", "warning", `a cached ${plan.suite} system was damaged and is made anew`);
  }
  await headStart.discard();
  await mkdir(directory, { mode: 0o755 });
  return [];
}

/** The cached trees that hold nothing but wanted packages in their wanted versions, untouched, the largest first. */
export async function listSubsets(
  plan: Plan,
  lock: Lock,
  context: BuildContext,
): Promise<{ object: CacheObject; packages: readonly PackageRef[] }[]> {
  // what is built upon shows, in the numbers of system users for one
  if (plan.changes.debconf !== "" || context.epochSeconds !== undefined) return []; // packages that are installed have asked their questions
  const wanted = new Set(lock.packages.map((ref) => `${packageId(ref)} ${ref.sha256}`));
  return (await listObjects(context.cache, "tree"))
    .map((object) => ({ object, ...(object.meta.facts as KeptFacts) }))
    .filter(({ treeVersion }) => treeVersion === findDistro(plan.recipe.distro).treeVersion)
    .filter(({ asked }) => !asked?.changed && isSetLikewise(asked ?? {}, plan))
    .filter(({ packages }) => packages.every((ref) => wanted.has(`${packageId(ref)} ${ref.sha256}`)))
    .sort((a, b) => b.packages.length - a.packages.length);
}
