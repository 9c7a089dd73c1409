import { mkdir } from "node:fs/promises";
import { type Cache, type CacheObject, discardObject, findObject, objectFile, verifyObject } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { TreeFacts } from "../core/distro.ts";
import type { Plan } from "../model/plan.ts";
import { removeGuestTree } from "../system/files.ts";
import { type FolderOwner, giveFolders } from "../system/folder-owners.ts";
import { copyFolder, showLayers } from "../system/tree-layers.ts";

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
  /** Tells it from another that has the same packages: numbers of users may differ. */
  readonly made?: string;
  /** Key of the tree that this one is a layer upon. */
  readonly on?: string;
  /** Owners of folders that aren't root's; in the cache, they are. */
  readonly owners?: readonly FolderOwner[];
}

/** Name of a tree's folder in its object: all of it, or what it changes of the one that it stands on. */
export const TREE_FOLDER = "tree";

/** Finding a file takes longer with each layer; and their paths have to fit into a page of memory. */
const MOST_LAYERS = 6;

/** A cached tree that is shown in a work folder, where it may be changed. */
export interface OpenTree {
  readonly object: CacheObject;
  readonly directory: string;
  /** Where what is changed lies; undefined when the tree is a copy. */
  readonly changes: string | undefined;
}

/** A tree and those that it stands on, itself first, all marked as used now; undefined when one has gone. */
async function layersOf(cache: Cache, { key }: CacheObject): Promise<CacheObject[] | undefined> {
  const layers: CacheObject[] = [];
  for (let next: string | undefined = key; next !== undefined; ) {
    const layer: CacheObject | undefined = await findObject(cache, "tree", next);
    if (!layer) return undefined;
    layers.push(layer);
    next = (layer.meta.facts as KeptFacts).on;
  }
  return layers;
}

/** Whether another layer may come upon a tree. */
export async function carriesLayer(cache: Cache, object: CacheObject): Promise<boolean> {
  const layers = await layersOf(cache, object);
  return layers !== undefined && layers.length < MOST_LAYERS;
}

/**
 * Opens a cached tree in a folder that doesn't exist yet: shown as layers, or copied where that can't be.
 *
 * @returns undefined when it is damaged or can't be had here; the folder isn't there then
 */
export async function openTree(
  object: CacheObject,
  directory: string,
  { cache, signal }: Pick<BuildContext, "cache" | "signal">,
): Promise<OpenTree | undefined> {
  const layers = await layersOf(cache, object);
  if (!layers) {
    await discardObject(cache, object); // or the same one would never be kept again
    return undefined;
  }
  const whole = await Promise.all(layers.map((layer) => verifyObject(cache, layer, signal)));
  if (whole.includes(false)) return undefined;
  const folders = layers.map((layer) => objectFile(layer, TREE_FOLDER));
  await mkdir(directory, { mode: 0o755 });
  const changes = await showLayers(folders, directory, scratchOf(directory), signal);
  if (changes === undefined) {
    await closeTree(directory);
    if (folders.length > 1) {
      await discardObject(cache, object);
      return undefined;
    }
    await copyFolder(folders[0] ?? "", directory, signal);
  }
  await giveFolders(directory, (object.meta.facts as KeptFacts).owners ?? [], signal);
  return { object, directory, changes };
}

/** Removes an open tree, or one that was made in a folder. */
export async function closeTree(directory: string): Promise<void> {
  await removeGuestTree(directory);
  await removeGuestTree(scratchOf(directory));
}

function scratchOf(directory: string): string {
  return `${directory}.layer`;
}
