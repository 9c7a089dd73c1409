/** A recipe's lock file stands beside it: `web.yaml` has `web.lock`. */
export function lockPath(recipeFile: string): string {
  return `${recipeFile.replace(/\.(ya?ml|json)$/i, "")}.lock`;
}
