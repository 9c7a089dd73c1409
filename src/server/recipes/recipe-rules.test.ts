import { describe, expect, it } from "vitest";
import { FILE_KEYS } from "../../core/recipe-file.ts";
import { listShippedRecipes, shippedFiles } from "../../core/shipped-recipes.ts";
import { takeRecipe } from "./recipe-input.ts";
import { checkRules } from "./recipe-rules.ts";

const recipes = await listShippedRecipes();

describe("checkRules", () => {
  it.each(FILE_KEYS)("lets %s read no file of the server", (key) => {
    const recipe = { values: { [key]: "/etc/shadow" }, files: new Map(), locate: () => "recipe:1:1" };
    expect(() => checkRules(recipe as unknown as Parameters<typeof checkRules>[0], new Set())).toThrow(key);
  });

  it.each(recipes)("lets recipe:$name be built", async (recipe) => {
    const files = await shippedFiles(recipe);
    const given = takeRecipe({ yaml: recipe.yaml, files: Object.fromEntries(files) });
    expect(() => checkRules(given, new Set())).not.toThrow();
    expect(() => checkRules({ ...given, files: new Map() }, new Set())).toThrow("is none of the files");
  });
});
