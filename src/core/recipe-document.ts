import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type AxisValue, COMPOSITION_KEYS, compositionSchema } from "../model/recipe-composition.ts";
import { readSmallFile } from "../system/files.ts";
import type { RecipeLayer } from "./recipe-layers.ts";
import { mistake } from "./recipe-mistake.ts";
import { parseRecipe } from "./recipe-yaml.ts";
import { recipePath, SHIPPED } from "./shipped-recipes.ts";

/** One recipe file as it is written: its own keys, and the variables it defines. */
export interface RecipeDocument extends RecipeLayer {
  readonly file: string;
  readonly vars: Readonly<Record<string, string | number | boolean>>;
  readonly matrix: Readonly<Record<string, readonly AxisValue[]>>;
}

const LARGEST_RECIPE_BYTES = 1024 * 1024;
/** More than people can follow. */
const DEEPEST_INCLUDE = 16;
const MOST_FILES = 64;

/**
 * Reads a recipe file and all that it includes, the weakest first: what a file includes comes before it, in the order in
 * which it is written. A file that is included twice counts once, where it comes first.
 *
 * @throws file-unreadable, recipe-invalid with the place; cycles and too deep nesting with the whole chain
 */
export async function readDocuments(file: string): Promise<RecipeDocument[]> {
  const documents = new Map<string, RecipeDocument>();
  await collect(await recipePath(file), [], documents);
  return [...documents.values()];
}

async function collect(
  file: string,
  chain: readonly string[],
  documents: Map<string, RecipeDocument>,
  place = "",
): Promise<void> {
  const path = await realpath(file).catch(() => file); // that it cannot be read is said below
  const names = [...chain, path];
  const refuse = (why: string) => {
    const shown = names.map((name) => (name === names[0] ? name : relative(dirname(names[0] ?? ""), name)));
    return new VmbuilderError("recipe-invalid", `${place}${why}: ${shown.join(" → ")}`, {
      hint: "take this include out",
    });
  };
  if (chain.includes(path)) throw refuse("a recipe includes itself");
  if (chain.length > DEEPEST_INCLUDE) throw refuse(`includes are nested more than ${DEEPEST_INCLUDE} deep`);
  if (documents.has(path)) return;
  if (documents.size >= MOST_FILES) throw refuse(`a recipe includes more than ${MOST_FILES} files`);
  const text = await readSmallFile(file, LARGEST_RECIPE_BYTES).catch((error: unknown) => {
    if (place === "" || !(error instanceof VmbuilderError)) throw error;
    throw new VmbuilderError(error.code, `${place}${error.message}`, { hint: "check the path", cause: error });
  });
  const written = parseRecipe(text, file);
  const name: RecipeLayer["name"] = (path, part) => `${written.locate(path, part)}: ${path.map(String).join(".")}`;
  const isComposition = ([key]: [string, unknown]) => COMPOSITION_KEYS.includes(key);
  const entries = Object.entries(written.values);
  const own = Object.fromEntries(entries.filter(isComposition));
  const parsed = compositionSchema.safeParse(own);
  if (!parsed.success) throw mistake(parsed.error, own, name, COMPOSITION_KEYS);
  const { include, vars, matrix } = parsed.data;
  for (const [index, other] of include.entries()) {
    const at = Array.isArray(written.values.include) ? ["include", index] : ["include"];
    await collect(await includedPath(other, file, name(at)), names, documents, `${name(at)}: `);
  }
  const values = Object.fromEntries(entries.filter((entry) => !isComposition(entry)));
  documents.set(path, { file, values, vars, matrix, name });
}

/** Where an included recipe lies: beside the file that includes it, or with vmbuilder. */
async function includedPath(other: string, file: string, place: string): Promise<string> {
  if (!other.startsWith(SHIPPED)) return isAbsolute(other) ? other : join(dirname(file), other);
  return recipePath(other).catch((error: unknown) => {
    if (!(error instanceof VmbuilderError)) throw error;
    throw new VmbuilderError(error.code, `${place}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  });
}
