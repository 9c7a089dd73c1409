import { randomUUID } from "node:crypto";
import { copyFile, cp, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, commitObject, findObject, listObjects } from "../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../core/context.ts";
import type { Distro } from "../core/distro.ts";
import { stepKey } from "../core/step-key.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { MachineScript } from "../model/identity.ts";
import { type Lock, type PackageRef, packageId, sourceIdentity } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import { giveFolders, listFolderOwners, takeFolders } from "../system/folder-owners.ts";
import { CommandError } from "../system/process.ts";
import { settleChanges } from "../system/tree-layers.ts";
import { measurePart } from "../system/tree-parts.ts";
import { pinTreeTimes } from "../system/tree-times.ts";
import { type HeadStart, isSetLikewise } from "./head-start.ts";
import {
  type Asked,
  carriesLayer,
  closeTree,
  type KeptFacts,
  type OpenTree,
  openTree,
  TREE_FOLDER,
} from "./kept-tree.ts";
import { findDistro } from "./plan.ts";
import { runScripts } from "./tree-scripts.ts";

/** A finished operating system tree. */
export interface Tree {
  readonly key: string;
  readonly title: string;
  readonly facts: KeptFacts;
  /** Folder that holds the tree, unless it is only in the cache. */
  readonly directory: string | undefined;
  /** Folder that holds the boot loader's images. */
  readonly bootDirectory: string;
  /** What the cache has of it already. */
  readonly object: CacheObject | undefined;
  /** The cached tree that it was made upon. */
  readonly grownFrom: OpenTree | undefined;
}

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

/** Finds a finished tree in the cache, and opens it. */
export async function findTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<Tree | undefined> {
  const object = await findObject(context.cache, "tree", treeKey(distro, plan, lock));
  const open = object && (await obtainOpenTree(object, headStart, context));
  return open && { ...treeOf(open.object), directory: open.directory };
}

/** Opens a cached tree in the work folder, unless the head start has done so. */
async function obtainOpenTree(
  object: CacheObject,
  headStart: HeadStart,
  context: BuildContext,
): Promise<OpenTree | undefined> {
  return runStep(context, "install/base", "Open the cached system", async () => {
    const taken = await headStart.take(object);
    if (taken) return taken;
    await headStart.discard(); // its folder is wanted for this tree
    return openTree(object, workFolder(context), context);
  });
}

function workFolder({ workDirectory }: BuildContext): string {
  return join(workDirectory, "tree");
}

/** A tree as the cache has it. */
export function treeOf(object: CacheObject): Tree {
  const { key, directory: bootDirectory } = object;
  const { title, facts } = object.meta;
  return { key, title, facts: facts as KeptFacts, directory: undefined, bootDirectory, object, grownFrom: undefined };
}

/**
 * Finds the tree that a lock leads to, or makes it.
 *
 * @param onBase is told of the cached tree that it is made upon, if there is one
 */
export function obtainTree(
  distro: Distro,
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
  onBase?: (object: CacheObject) => void,
): Promise<Tree> {
  return runStep(
    context,
    "install",
    "Install packages",
    async () =>
      (await findTree(distro, plan, lock, headStart, context)) ??
      installTree(distro, plan, lock, headStart, context, onBase),
  );
}

/** The folder of a tree, which is opened if it is only in the cache. @throws cache-corrupt when it can't be */
export async function treeFolder(tree: Tree, context: BuildContext): Promise<string> {
  if (tree.directory !== undefined) return tree.directory;
  const open = tree.object && (await openTree(tree.object, workFolder(context), context));
  if (open) return open.directory;
  throw new VmbuilderError("cache-corrupt", "the cached system is damaged", { hint: "run the same command again" });
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
  onBase?: (object: CacheObject) => void,
): Promise<Tree> {
  const key = treeKey(distro, plan, lock);
  const directory = workFolder(context);
  const request = { tree: directory, plan, lock };
  const base = await openBase(plan, lock, headStart, context);
  if (base?.changes !== undefined) onBase?.(base.object);
  await distro.install(request, (base?.packages ?? []).map(packageId), context);
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
  const bootDirectory = join(context.workDirectory, "boot");
  await mkdir(bootDirectory);
  if (base) await copyBootFiles(base.object, bootDirectory); // what they are made of is in every tree that grows from it
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
    facts: { ...facts, treeVersion: distro.treeVersion, asked, made: randomUUID() },
    directory,
    bootDirectory,
    object: undefined,
    grownFrom: base,
  };
}

async function copyBootFiles({ directory, meta }: CacheObject, target: string): Promise<void> {
  await Promise.all(Object.keys(meta.files).map((name) => copyFile(join(directory, name), join(target, name))));
}

/**
 * Puts a tree that was just made into the cache: its folder is moved there, or what it changes of the one it stands on. Of one
 * that is there, the open copy is removed. In both cases nobody may use the folder any more.
 *
 * @returns the tree as the cache has it
 */
export async function keepTree(tree: Tree, context: BuildContext): Promise<Tree> {
  const { directory, object, grownFrom } = tree;
  if (directory === undefined) return tree;
  if (object) {
    await runStep(context, "install/release", "Remove the system's work copy", () => closeTree(directory));
    return { ...tree, directory: undefined };
  }
  return runStep(context, "install/keep", "Keep the system in the cache", async () => {
    const { signal } = context;
    const changes = grownFrom?.changes;
    const sizeBytes = changes === undefined ? tree.facts.sizeBytes : await measurePart(changes, signal);
    const owners = await listFolderOwners(directory, signal);
    if (owners.some(([, path]) => path.includes("\uFFFD"))) return tree; // its owner could not be told later
    if (changes !== undefined) await settleChanges(directory, changes);
    await takeFolders(changes ?? directory, signal);
    const on = changes === undefined ? undefined : grownFrom?.object.key;
    const facts: KeptFacts = { ...tree.facts, owners, ...(on === undefined ? {} : { on }) };
    const make = async (target: string) => {
      await cp(tree.bootDirectory, target, { recursive: true });
      return facts;
    };
    const folders = { [TREE_FOLDER]: { path: changes ?? directory, sizeBytes } };
    const kept = await commitObject(context.cache, "tree", tree.key, tree.title, make, { folders }).catch((error) => {
      if (!(error instanceof CommandError) || error.code !== "command-failed") throw error;
      logLine(context, "install", "warning", `the system can't be kept in the cache: ${error.message}`); // on NFS, say
      return undefined;
    });
    if (!kept && changes === undefined && (await stat(directory).catch(() => undefined))) {
      await giveFolders(directory, owners, signal);
      return tree;
    }
    await closeTree(directory);
    return kept ? treeOf(kept) : { ...tree, directory: undefined };
  });
}

/** Opens the largest cached tree that can be built on; without one, the work folder is made, empty. */
async function openBase(
  plan: Plan,
  lock: Lock,
  headStart: HeadStart,
  context: BuildContext,
): Promise<(OpenTree & { packages: readonly PackageRef[] }) | undefined> {
  for (const { object, packages } of await listSubsets(plan, lock, context)) {
    if (!(await carriesLayer(context.cache, object))) continue;
    const open = await obtainOpenTree(object, headStart, context);
    if (open) return { ...open, packages };
    logLine(context, "install", "warning", `a cached ${plan.suite} system was damaged and is made anew`);
  }
  await headStart.discard();
  await mkdir(workFolder(context), { mode: 0o755 });
  return undefined;
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
