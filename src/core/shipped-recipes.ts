import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";

/** What stands before the name of a recipe that comes with vmbuilder: `recipe:webserver`. */
export const SHIPPED = "recipe:";

const RECIPE_FILE = "recipe.yaml";

/** A recipe that comes with vmbuilder. Its folder is flat: the recipe and the files that it names. */
export interface ShippedRecipe {
  readonly name: string;
  /** What its first line says it is. */
  readonly title: string;
  readonly path: string;
  readonly yaml: string;
}

/** The recipes that come with vmbuilder, by name. */
export async function listShippedRecipes(): Promise<ShippedRecipe[]> {
  return Promise.all((await shippedNames()).map(readShipped));
}

/** Names of the recipes that come with vmbuilder, sorted. */
export async function shippedNames(): Promise<string[]> {
  const folder = shippedFolder();
  const names = await readdir(folder);
  return names.filter((name) => existsSync(join(folder, name, RECIPE_FILE))).sort();
}

/** Reads a recipe that comes with vmbuilder; `recipe:` may stand before its name. @throws recipe-unknown */
export async function findShippedRecipe(asked: string): Promise<ShippedRecipe> {
  const name = asked.startsWith(SHIPPED) ? asked.slice(SHIPPED.length) : asked;
  const names = await shippedNames();
  if (names.includes(name)) return readShipped(name);
  const near = nearestName(name, names);
  throw new VmbuilderError("recipe-unknown", `there is no recipe "${name}" among those of vmbuilder`, {
    hint: near ? `did you mean ${SHIPPED}${near}?` : `the recipes are ${names.join(", ")}`,
  });
}

/** The other files of a recipe's folder, which it names: scripts, files to copy. */
export async function shippedFiles({ path }: ShippedRecipe): Promise<Map<string, string>> {
  const names = (await readdir(dirname(path))).filter((name) => name !== RECIPE_FILE).sort();
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, string]> => [name, await readFile(join(dirname(path), name), "utf8")]),
    ),
  );
}

/** The path of a recipe file that may be given as `recipe:NAME`. @throws recipe-unknown */
export async function recipePath(given: string): Promise<string> {
  return given.startsWith(SHIPPED) ? (await findShippedRecipe(given)).path : given;
}

async function readShipped(name: string): Promise<ShippedRecipe> {
  const path = join(shippedFolder(), name, RECIPE_FILE);
  const yaml = await readFile(path, "utf8");
  return { name, title: /^# (.*)/.exec(yaml)?.[1] ?? "", path, yaml };
}

/** They lie beside package.json, wherever this file is. */
function shippedFolder(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, "recipes");
    if (folder === dirname(folder)) return join(import.meta.dirname, "recipes");
  }
}
