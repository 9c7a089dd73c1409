import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { SECRET_FILES } from "../../core/recipe-secrets.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { withoutLogins } from "../../model/without-logins.ts";
import { fileError } from "../../system/files.ts";
import { type GivenRecipe, RECIPE_FILE } from "./recipe-input.ts";

/** Keys whose values nobody may read again. */
export const SECRET_KEYS: readonly string[] = Object.keys(SECRET_FILES);

/** A recipe's values without its passwords, those of its proxy too, and without the variables that they are made from. */
export function withoutSecrets(values: Record<string, unknown>): Record<string, unknown> {
  const { vars, ...others } = values;
  const isSecret = ([key]: [string, unknown]) => SECRET_KEYS.includes(key);
  const entries = Object.entries(others);
  const secrets = entries.filter(isSecret).map(([, value]) => String(value));
  const isHarmless = ([name]: [string, unknown]) => !secrets.some((text) => text.includes(`\${${name}`));
  return {
    ...(typeof vars === "object" && vars !== null
      ? { vars: Object.fromEntries(Object.entries(vars).filter(isHarmless)) }
      : {}),
    ...Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
    ...(typeof values.proxy === "string" ? { proxy: withoutLogins(values.proxy) } : {}),
  };
}

/**
 * Writes a recipe and its files into a new folder for the time of `work`. Messages name the recipe as if it stood alone.
 */
export async function withRecipeFolder<T>(
  parent: string,
  given: GivenRecipe,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(parent, "recipe-"));
  try {
    await writeAll(folder, given);
    return await work(folder);
  } catch (error) {
    throw withoutFolder(error, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Keeps a recipe and its files for a job. The folder is whole, or not there. */
export async function keepRecipe(folder: string, given: GivenRecipe): Promise<void> {
  const temporary = `${folder}.new`;
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o700 });
    await writeAll(temporary, given);
    await rename(temporary, folder);
  } catch (error) {
    throw fileError(error, folder);
  }
}

/** Reads a job's recipe and files again; undefined when they are gone. */
export async function readKept(folder: string): Promise<{ yaml: string; files: Map<string, Buffer> } | undefined> {
  const names = await readdir(folder).catch(() => undefined);
  if (!names?.includes(RECIPE_FILE)) return undefined;
  const files = new Map<string, Buffer>();
  for (const name of names) if (name !== RECIPE_FILE) files.set(name, await readFile(join(folder, name)));
  return { yaml: await readFile(join(folder, RECIPE_FILE), "utf8"), files };
}

/** Takes the passwords out of a job's recipe. */
export async function forgetSecrets(folder: string, request: { recipe: Record<string, unknown> }): Promise<void> {
  const temporary = join(folder, `.${RECIPE_FILE}`);
  await writeFile(temporary, stringify(request.recipe), { mode: 0o600 });
  await rename(temporary, join(folder, RECIPE_FILE));
}

async function writeAll(folder: string, { text, files }: GivenRecipe): Promise<void> {
  await writeFile(join(folder, RECIPE_FILE), text, { mode: 0o600 });
  for (const [name, content] of files) await writeFile(join(folder, name), content, { mode: 0o600 });
}

/** The same error, its paths relative to a folder. */
export function withoutFolder(error: unknown, folder: string): unknown {
  if (!(error instanceof VmbuilderError)) return error;
  const plain = (text: string) => text.replaceAll(`${folder}/`, "");
  return new VmbuilderError(error.code, plain(error.message), {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: plain(error.hint) }),
    ...(error.detail === undefined ? {} : { detail: plain(error.detail) }),
  });
}
