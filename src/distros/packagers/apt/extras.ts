import type { Extras } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { readLocalDebs } from "./local-debs.ts";
import { readMedia } from "./media.ts";
import { readPpas } from "./ppas.ts";
import { readRepositories } from "./repositories.ts";

/**
 * Reads what a recipe names on this host beside the archive.
 *
 * @throws recipe-invalid, file-unreadable, key-unusable, package-malformed, media-invalid, ppa-service-unknown
 */
export async function readExtras(recipe: Recipe, architecture: string): Promise<Extras> {
  const [repositories, ppas, debs, media] = await Promise.all([
    readRepositories(recipe.repositories),
    readPpas(recipe),
    readLocalDebs(recipe, architecture),
    readMedia(recipe),
  ]);
  return { repositories: [...repositories, ...ppas], debs, media };
}
