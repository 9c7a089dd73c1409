import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod";
import { readDocuments } from "../../core/recipe-document.ts";
import { readRecipe } from "../../core/recipe-file.ts";
import { mistake } from "../../core/recipe-mistake.ts";
import { filesBelow } from "../../core/recipe-origins.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { Plan } from "../../model/plan.ts";
import { RECIPE_KEYS, recipeSchema } from "../../model/recipe.ts";
import { COMPOSITION_KEYS } from "../../model/recipe-composition.ts";
import { readIdentity } from "../../stages/identity.ts";
import { planBuild } from "../../stages/plan.ts";
import { withRecipeFolder } from "./recipe-folder.ts";
import { type GivenRecipe, RECIPE_FILE, type RecipeInput, takeRecipe } from "./recipe-input.ts";
import { checkRules } from "./recipe-rules.ts";

/** What is wrong with a recipe, and where. */
export interface RecipeProblem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly path?: readonly string[] | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** A recipe in both forms, and all that is wrong with it. */
export interface RecipeCheck {
  readonly isValid: boolean;
  readonly values: Record<string, unknown> | null;
  readonly yaml: string | null;
  readonly problems: readonly RecipeProblem[];
}

/** What a recipe is checked against. */
export interface RecipeRules {
  /** A folder for the moment. */
  readonly work: string;
  readonly hosts: ReadonlySet<string>;
}

/** Looks at a recipe without asking anybody; what is wrong is an answer, too. */
export async function checkRecipe(input: RecipeInput, rules: RecipeRules): Promise<RecipeCheck> {
  let given: GivenRecipe | undefined;
  try {
    given = takeRecipe(input);
    const both = { values: given.values, yaml: input.yaml ?? stringify(given.values) };
    const problems = listMistakes(given);
    if (problems.length > 0) return { isValid: false, ...both, problems };
    await planGiven(given, rules);
    return { isValid: true, ...both, problems: [] };
  } catch (error) {
    if (!(error instanceof VmbuilderError) || error.code === "usage" || error.code === "too-large") throw error;
    const yaml = input.yaml ?? (given ? stringify(given.values) : null);
    return { isValid: false, values: given?.values ?? null, yaml, problems: [problemOf(error)] };
  }
}

/**
 * Checks a recipe and decides what its build would do.
 *
 * @throws every code that a recipe can be wrong by
 */
export async function planGiven(given: GivenRecipe, { work, hosts }: RecipeRules): Promise<Plan> {
  const below = await filesBelow({});
  const documents = (await Promise.all(below.map(readDocuments))).flat();
  checkRules(given, hosts, Object.assign({}, ...documents.map(({ vars }) => vars)));
  return withRecipeFolder(work, given, async (folder) => {
    const plan = await planBuild(await readRecipe(join(folder, RECIPE_FILE), {}, { below }));
    await readIdentity(plan.recipe, plan, new AbortController().signal);
    return plan;
  });
}

/** More than anybody mends at once. */
const MOST_PROBLEMS = 100;

/** The mistakes that the schema finds; where there are variables, only the joined recipe can tell. */
function listMistakes(given: GivenRecipe): RecipeProblem[] {
  if ("vars" in given.values) return [];
  const own = Object.entries(given.values).filter(([key]) => !key.endsWith("+") && !COMPOSITION_KEYS.includes(key));
  const values = Object.fromEntries(own);
  const parsed = recipeSchema.safeParse(values);
  if (parsed.success) return [];
  const name = (path: readonly PropertyKey[], part?: "key" | "value") =>
    `${given.locate(path, part)}: ${path.map(String).join(".")}`;
  return parsed.error.issues
    .flatMap((issue): z.core.$ZodIssue[] =>
      issue.code === "unrecognized_keys" ? issue.keys.map((key) => ({ ...issue, keys: [key] })) : [issue],
    )
    .slice(0, MOST_PROBLEMS)
    .map((issue) => problemOf(mistake(new z.ZodError([issue]), values, name, RECIPE_KEYS)));
}

/** Reads the place out of a message: `recipe.yaml:3:11: mem: …`. */
export function problemOf({ code, message, hint }: VmbuilderError): RecipeProblem {
  const [, line, column, rest = message] = /^recipe\.yaml:(\d+):(\d+): (.*)$/s.exec(message) ?? [];
  const [, path = ""] = /^(?:--)?([A-Za-z0-9+-]+(?:\.[A-Za-z0-9_+-]+)*): /.exec(rest) ?? [];
  const parts = path.split(".");
  const isKey = RECIPE_KEYS.includes(String(parts[0]).replace(/\+$/, "")) || line !== undefined;
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(isKey && path !== "" ? { path: parts } : {}),
    ...(line === undefined ? {} : { line: Number(line), column: Number(column) }),
  };
}
