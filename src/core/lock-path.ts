import { SHIPPED } from "./shipped-recipes.ts";

/** A recipe's lock file stands beside it: `web.yaml` has `web.lock`. That of `recipe:web` is in the current folder. */
export function lockPath(recipeFile: string): string {
  const own = recipeFile.startsWith(SHIPPED) ? recipeFile.slice(SHIPPED.length) : recipeFile;
  return `${own.replace(/\.(ya?ml|json)$/i, "")}.lock`;
}
