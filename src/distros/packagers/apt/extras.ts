import type { Extras } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { readRepositories } from "./repositories.ts";

/**
 * Reads what a recipe names on this host beside the archive.
 *
 * @throws recipe-invalid, file-unreadable, key-unusable
 */
export async function readExtras(recipe: Recipe): Promise<Extras> {
  return { repositories: await readRepositories(recipe.repositories) };
}
