import { VmbuilderError } from "../model/errors.ts";
import { LIST_KEYS, RECIPE_KEYS, recipeDefault } from "../model/recipe.ts";

/** Values of one origin, such as a file or the command line, and how messages name them. */
export interface RecipeLayer {
  readonly values: Record<string, unknown>;
  /** `web.yaml:3:11: rootsize`, or `--rootsize`. */
  name(path: readonly PropertyKey[], part?: "key" | "value"): string;
}

/** A piece of a value: which layer wrote it, under which key, and the index of its first item in the joined list. */
interface Piece {
  readonly layer: RecipeLayer;
  readonly key: string;
  readonly from: number;
}

const BY_SIZES = ["rootsize", "swapsize", "optsize", "lvm", "fs"];
const BY_ADDRESS = ["mask", "net", "bcast", "gw"];

/** What weaker layers say in vain where a stronger one says this: the disks otherwise, or no fixed address. */
function outdoneBy(key: string, value: unknown): readonly string[] {
  if (key === "part") return [...BY_SIZES, "disks"];
  if (key === "disks") return [...BY_SIZES, "part"];
  return key === "ip" && (value === "dhcp" || value === "none") ? BY_ADDRESS : [];
}

/** Ends a key whose items are added to what weaker layers say. */
const APPEND = "+";

/**
 * Joins layers, the weakest first. A key of a stronger layer replaces the weaker one's value, lists as a whole;
 * `addpkg+` adds to the list instead. What has no sense beside a stronger layer's key goes with it.
 *
 * @throws recipe-invalid for `KEY+` where there is no list, and for a key with and without it in one layer
 */
export function joinLayers(layers: readonly RecipeLayer[]): RecipeLayer {
  const values = new Map<string, unknown>();
  const pieces = new Map<string, Piece[]>();
  for (const layer of layers) {
    for (const outdone of Object.entries(layer.values).flatMap(([key, value]) => outdoneBy(key, value))) {
      values.delete(outdone);
      pieces.delete(outdone);
    }
    for (const [key, value] of Object.entries(layer.values)) {
      const target = appendTarget(layer, key);
      const earlier = target === undefined ? [] : asList(values.get(target) ?? recipeDefault(target));
      const before = target === undefined ? [] : (pieces.get(target) ?? []);
      values.set(target ?? key, target === undefined ? value : [...earlier, ...asList(value)]);
      pieces.set(target ?? key, [...before, { layer, key, from: earlier.length }]);
    }
  }
  return { values: Object.fromEntries(values), name: (path, part) => nameIn(pieces, path, part) };
}

/** The list that `KEY+` adds to; undefined for any other key, known or not. */
function appendTarget(layer: RecipeLayer, key: string): string | undefined {
  const target = key.endsWith(APPEND) ? key.slice(0, -APPEND.length) : undefined;
  if (target === undefined || !RECIPE_KEYS.includes(target)) return undefined;
  const refuse = (why: string, hint: string) =>
    new VmbuilderError("recipe-invalid", `${layer.name([key], "key")}: ${why}`, { hint });
  if (!LIST_KEYS.includes(target)) throw refuse(`${target} is no list to add to`, `write ${target}`);
  if (Object.hasOwn(layer.values, target)) throw refuse(`${target} is given too`, `write all items under ${target}`);
  return target;
}

function nameIn(
  pieces: ReadonlyMap<string, readonly Piece[]>,
  [key = "", ...rest]: readonly PropertyKey[],
  part?: "key" | "value",
): string {
  const written = pieces.get(String(key)) ?? [];
  const [index, ...deeper] = rest;
  const piece =
    (typeof index === "number" ? written.findLast(({ from }) => from <= index) : undefined) ?? written.at(-1);
  if (!piece) return String(key);
  if (typeof index !== "number") return piece.layer.name([piece.key, ...rest], part);
  const own = piece.layer.values[piece.key];
  return piece.layer.name([piece.key, ...(Array.isArray(own) ? [index - piece.from, ...deeper] : deeper)], part);
}

function asList(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
