import { access } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { isDebPath } from "../model/plan.ts";
import { LIST_KEYS, RECIPE_KEYS, type Recipe, recipeSchema } from "../model/recipe.ts";
import { COMPOSITION_KEYS } from "../model/recipe-composition.ts";
import { parseRepositoryLine } from "../model/repository.ts";
import { type RecipeDocument, readDocuments } from "./recipe-document.ts";
import { joinLayers, type RecipeLayer } from "./recipe-layers.ts";
import { mistake } from "./recipe-mistake.ts";
import { SECRET_FILES, withSecrets } from "./recipe-secrets.ts";
import { fillVariables, type Variables } from "./recipe-variables.ts";

/** Keys whose values are files to read; in a recipe they are relative to its folder, as `dest` is not. */
const FILE_KEYS: readonly string[] = [
  "ssh-key",
  "ssh-user-key",
  "keyring",
  "copy",
  "exec",
  "firstboot",
  "firstlogin",
  "seedfile",
  "part",
  "debs",
  "cloud-init",
  "cloud-init-meta-data",
  "cloud-init-network-config",
  "iso",
  ...Object.values(SECRET_FILES),
];
const KEYS = [...RECIPE_KEYS, ...Object.values(SECRET_FILES), ...COMPOSITION_KEYS];

/** What a recipe is joined with, beside command line options. */
export interface RecipeSurroundings {
  /** Recipe files that hold where nothing else does, the weakest first: configuration files, a profile. */
  readonly below?: readonly string[];
  /** Values of a file of another kind, which beat those of the files below. */
  readonly configuration?: RecipeLayer | undefined;
  /** Variables; they beat those that files define. */
  readonly vars?: Variables;
}

/**
 * Joins a recipe file, all that it includes, and command line options into a checked recipe. An option beats the file, the
 * file what it includes and what stands below; lists are replaced as a whole, unless `KEY+` adds to them.
 *
 * @throws file-unreadable, recipe-invalid with the place of the first mistake
 */
export async function readRecipe(
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings = {},
): Promise<Recipe> {
  const layers = await readLayers(file, options, surroundings);
  const joined = joinLayers(await Promise.all(layers.map(withSecrets)));
  const parsed = recipeSchema.safeParse(joined.values);
  if (!parsed.success) throw mistake(parsed.error, joined.values, joined.name, KEYS);
  await checkReadable(parsed.data.keyring, joined.name(["keyring"]));
  return parsed.data;
}

/**
 * The same joined values as they are written, unchecked, without defaults and with files' absolute paths: what a
 * profile keeps. Password files are named, not read.
 */
export async function writtenValues(
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings = {},
): Promise<RecipeLayer> {
  const { values, name } = joinLayers(await readLayers(file, options, surroundings));
  return { values: resolveBeside(values, join(process.cwd(), "command line")), name };
}

async function readLayers(
  file: string | undefined,
  options: Record<string, unknown>,
  { below = [], configuration, vars = {} }: RecipeSurroundings,
): Promise<RecipeLayer[]> {
  const documents: RecipeDocument[] = [];
  for (const one of below) documents.push(...(await readDocuments(one)));
  const own = file === undefined ? [] : await readDocuments(file);
  const variables = Object.assign({}, ...[...documents, ...own].map((document) => document.vars), vars) as Variables;
  return [
    ...documents.map((document) => filledLayer(document, variables)),
    ...(configuration ? [configuration] : []),
    ...own.map((document) => filledLayer(document, variables)),
    commandLine(options),
  ];
}

/** A file's values with variables put in, and paths made relative to where the user is. */
function filledLayer({ file, values, name }: RecipeDocument, variables: Variables): RecipeLayer {
  const filled = Object.entries(values).map(([key, value]): [string, unknown] => {
    return [key, fillVariables(value, variables, (path) => name([key, ...path]))];
  });
  return { values: resolveBeside(Object.fromEntries(filled), file), name };
}

/** Makes the names of files, which are relative to the file that holds them, relative to the current folder. */
export function resolveBeside(values: Record<string, unknown>, file: string): Record<string, unknown> {
  const folder = dirname(file);
  const resolved = Object.entries(values).map(([written, value]): [string, unknown] => {
    const key = written.replace(/\+$/, "");
    if (key === "addpkg")
      return [written, [value].flat().map((one) => (isDebPath(String(one)) ? fromFolder(one, folder) : one))];
    if (key === "repositories") return [written, [value].flat().map((one) => withKeyFrom(one, folder))];
    return [written, FILE_KEYS.includes(key) ? fromFolder(value, folder) : value];
  });
  return Object.fromEntries(resolved);
}

/** A repository's key may be a file, too. */
function withKeyFrom(repository: unknown, folder: string): unknown {
  if (typeof repository !== "object" || repository === null || !("key" in repository)) return repository;
  const { key } = repository;
  return typeof key === "string" && /^[a-z]+:/.test(key) ? repository : { ...repository, key: fromFolder(key, folder) };
}

function fromFolder(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((one) => fromFolder(one, folder));
  return typeof value === "string" && !isAbsolute(value) ? join(folder, value) : value;
}

/**
 * Options are keyed as a recipe is, but for repositories, which are lines there. One whose list begins with a `+` adds to
 * the list of the files: `--addpkg +vim`.
 */
function commandLine({ repo, ...options }: Record<string, unknown>): RecipeLayer {
  const entries = Object.entries(options).map(([key, value]): [string, unknown] => {
    const [first, ...others]: unknown[] = Array.isArray(value) ? value : [];
    if (!LIST_KEYS.includes(key) || typeof first !== "string" || !first.startsWith("+")) return [key, value];
    return [`${key}+`, [first.slice(1), ...others].filter((item) => item !== "")];
  });
  if (Array.isArray(repo)) entries.push(["repositories", repo.map((line) => parseRepositoryLine(String(line)))]);
  return {
    values: Object.fromEntries(entries),
    name: ([key]) => (key === "repositories" ? "--repo" : `--${String(key).replace(/\+$/, "")}`),
  };
}

async function checkReadable(path: string | undefined, name: string): Promise<void> {
  if (path === undefined) return;
  await access(path).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `${name}: cannot read ${path}`, { hint: "give a keyring file", cause });
  });
}
