import { stringify } from "yaml";
import * as z from "zod";
import { parseRecipe } from "../../core/recipe-yaml.ts";
import { VmbuilderError } from "../../model/errors.ts";

const MOST_TEXT_CHARACTERS = 1024 * 1024;
/** Everybody waits while a recipe is read: a fifth of a second. Three thousand packages are fewer. */
const MOST_TOKENS = 20_000;
const MOST_VALUES = 10_000;
const DEEPEST = 32;
const MOST_FILES_BYTES = 8 * 1024 * 1024;
export const RECIPE_FILE = "recipe.yaml";

const fileSchema = z.union([z.string(), z.strictObject({ base64: z.base64() })]);
const fileName = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/, "is no name of a file")
  .refine((name) => name !== RECIPE_FILE, "is the recipe's own name");

/** A recipe in one of its two forms, with the files that it names. */
export const recipeInput = {
  recipe: z.record(z.string(), z.unknown()).optional(),
  yaml: z.string().max(MOST_TEXT_CHARACTERS).optional(),
  files: z.record(fileName, fileSchema).default({}),
};
const inputSchema = z.object(recipeInput);
/** See {@link recipeInput}. */
export type RecipeInput = z.output<typeof inputSchema>;

/** A recipe as it was given: its text, its values, and files. */
export interface GivenRecipe {
  readonly text: string;
  readonly values: Record<string, unknown>;
  /** `recipe.yaml:3:11`. */
  locate: ReturnType<typeof parseRecipe>["locate"];
  readonly files: ReadonlyMap<string, Buffer>;
}

/**
 * Takes a recipe in either form; the other is made from it.
 *
 * @throws usage, too-large, recipe-invalid with line and column
 */
export function takeRecipe({ recipe, yaml, files }: RecipeInput): GivenRecipe {
  if ((recipe === undefined) === (yaml === undefined))
    throw new VmbuilderError("usage", "give either recipe or yaml", {
      hint: 'for example {"recipe": {"suite": "trixie"}}',
    });
  if (recipe) checkSize(recipe);
  const text = yaml ?? (recipe && Object.keys(recipe).length > 0 ? stringify(recipe) : "{}\n");
  const contents = new Map(
    Object.entries(files).map(([name, file]) => {
      return [name, typeof file === "string" ? Buffer.from(file) : Buffer.from(file.base64, "base64")];
    }),
  );
  const total = [...contents.values()].reduce((sum, { length }) => sum + length, 0);
  if (total > MOST_FILES_BYTES)
    throw new VmbuilderError("too-large", `the files are larger than ${MOST_FILES_BYTES / 1024 ** 2} MiB together`);
  return { text, ...parseRecipe(text, RECIPE_FILE, MOST_TOKENS), files: contents };
}

/** Refuses before it is written as text what would take long to write. @throws too-large */
function checkSize(recipe: Record<string, unknown>): void {
  let [values, characters] = [0, 0];
  const refuse = (why: string): never => {
    throw new VmbuilderError("too-large", `recipe: ${why}`, {
      hint: "what is long belongs into a file beside the recipe",
    });
  };
  const look = (value: unknown, depth: number): void => {
    if (++values > MOST_VALUES) refuse(`it holds more than ${MOST_VALUES} values`);
    if (depth > DEEPEST) refuse(`it is nested more than ${DEEPEST} levels deep`);
    if (typeof value === "string") characters += value.length;
    if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        characters += key.length;
        look(inner, depth + 1);
      }
    if (characters > MOST_TEXT_CHARACTERS) refuse(`it is longer than ${MOST_TEXT_CHARACTERS} characters`);
  };
  look(recipe, 0);
}
