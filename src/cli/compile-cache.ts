import { existsSync, mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Lets node keep this program's compiled form, which halves the time until a clone begins. Only where an earlier command
 * has made the folder: one that merely refuses its input or shows its help writes nothing.
 */
export function useCompileCache(): void {
  const directory = compileCacheDirectory();
  if (existsSync(directory)) enableCompileCache(directory);
}

/** Makes the folder for {@link useCompileCache}; without it everything works, slower. */
export function makeCompileCache(): void {
  try {
    mkdirSync(compileCacheDirectory(), { recursive: true, mode: 0o700 });
  } catch {
    // a home that cannot be written to
  }
}

function compileCacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vmbuilder", "node");
}
