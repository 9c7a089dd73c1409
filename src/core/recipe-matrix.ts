import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import { RECIPE_KEYS, type Recipe } from "../model/recipe.ts";
import type { AxisValue } from "../model/recipe-composition.ts";
import type { RecipeLayer } from "./recipe-layers.ts";
import type { Variables } from "./recipe-variables.ts";

/** A key that has several values, each for machines of its own. */
export interface Axis {
  readonly key: string;
  readonly values: readonly AxisValue[];
  /** Says where the axis, or one of its values, is written. */
  name(index?: number): string;
}

/** One choice of a value for each axis. */
export interface MatrixCell {
  /** `trixie 8G`, the values in the order of the axes. */
  readonly label: string;
  readonly layer: RecipeLayer;
  /** The axes' values are variables, too. */
  readonly variables: Variables;
}

/** A recipe for each machine of a matrix. */
export interface RecipeCell {
  readonly label: string;
  readonly recipe: Recipe;
}

const MOST_CELLS = 256;
/** What is secret, or the same for all machines in any case. */
const NO_AXES = ["pass", "rootpass", "luks-pass", "hostname", "dest"];

/** Every combination of the axes' values. @throws recipe-invalid for keys that are none, and for too many machines */
export function expandMatrix(axes: readonly Axis[]): MatrixCell[] {
  for (const axis of axes) checkKey(axis);
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_CELLS)
    throw new VmbuilderError("recipe-invalid", `${axes[0]?.name()}: this makes ${count} machines`, {
      hint: `at most ${MOST_CELLS} in one command`,
    });
  const choices = axes.reduce<number[][]>(
    (rows, { values }) => rows.flatMap((row) => values.map((_, index) => [...row, index])),
    [[]],
  );
  return choices.map((indices) => {
    const chosen = axes.map((axis, at) => ({ axis, index: indices[at] ?? 0 }));
    const entries = chosen.map(({ axis, index }) => [axis.key, axis.values[index]] as const);
    const texts = entries.map(([key, value]) => [key, Array.isArray(value) ? value.join("-") : value]);
    return {
      label: texts
        .map(([, value]) => String(value))
        .filter((text) => text !== "")
        .join(" "),
      layer: {
        values: Object.fromEntries(entries),
        name: ([key]) => {
          const place = chosen.find(({ axis }) => axis.key === key);
          return place ? place.axis.name(place.index) : String(key);
        },
      },
      variables: Object.fromEntries(texts) as Variables,
    };
  });
}

function checkKey({ key, name }: Axis): void {
  if (RECIPE_KEYS.includes(key) && !NO_AXES.includes(key)) return;
  const near = nearestName(key, RECIPE_KEYS);
  throw new VmbuilderError(
    "recipe-invalid",
    `${name()}: ${RECIPE_KEYS.includes(key) ? `${key} makes no matrix` : "there is no such key"}`,
    { hint: near && near !== key ? `did you mean ${near}?` : "write keys of a recipe that differ between machines" },
  );
}

/**
 * Gives each machine a host name and a result folder of its own: where they would be the same, the cell's values are
 * added to the host name, and the host name to the folder.
 *
 * @throws recipe-invalid when a name gets too long
 */
export function nameApart(cells: readonly RecipeCell[]): RecipeCell[] {
  const areApart = (names: readonly (string | undefined)[]) => new Set(names).size === names.length;
  const hostsApart = areApart(cells.map(({ recipe }) => recipe.hostname));
  const named = cells.map(({ label, recipe }) => {
    return hostsApart
      ? { label, recipe }
      : { label, recipe: { ...recipe, hostname: withLabel(recipe.hostname, label) } };
  });
  const folders = named.map(({ recipe }) => recipe.dest);
  if (folders.every((dest) => dest === undefined) || areApart(folders)) return named;
  return named.map(({ label, recipe }) => {
    return {
      label,
      recipe: recipe.dest === undefined ? recipe : { ...recipe, dest: `${recipe.dest}/${recipe.hostname}` },
    };
  });
}

function withLabel(hostname: string, label: string): string {
  const [first = "", ...domain] = hostname.split(".");
  const name = `${first}-${label.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`.replace(/-+$/, "");
  if (name.length <= 63) return [name, ...domain].join(".");
  throw new VmbuilderError("recipe-invalid", `the host name "${name}" is too long`, {
    hint: "give a hostname with variables, such as web-$" + "{suite}",
  });
}
