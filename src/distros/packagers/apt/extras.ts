import type { Extras } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { readLocalDebs } from "./local-debs.ts";
import { readRepositories } from "./repositories.ts";

/**
 * Reads what a recipe names on this host beside the archive.
 *
 * @throws recipe-invalid, file-unreadable, key-unusable, package-malformed
 */
export async function readExtras(recipe: Recipe, architecture: string): Promise<Extras> {
  const [repositories, debs] = await Promise.all([
    readRepositories(recipe.repositories),
    readLocalDebs(recipe, architecture),
  ]);
  return { repositories, debs };
}
