import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";

/**
 * Dates whatever a build has made or changed in a tree: files keep the times of their packages, unless those are later; a
 * folder's time says when something came into it, and so is always of the build. Links aren't followed.
 */
export async function pinTreeTimes(tree: string, epochSeconds: number, signal: AbortSignal): Promise<void> {
  const at = `@${epochSeconds}`;
  const isOfBuild = ["(", "-type", "d", "-o", "-newermt", at, ")"];
  const argv = ["find", tree, "-xdev", ...isOfBuild, "-exec", "touch", "--no-dereference", `--date=${at}`, "{}", "+"];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
}
