import { open } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { isDebPath } from "../model/plan.ts";
import { LIST_KEYS, RECIPE_KEYS, type Recipe, recipeSchema } from "../model/recipe.ts";
import { type AxisValue, COMPOSITION_KEYS } from "../model/recipe-composition.ts";
import { parseRepositoryLine } from "../model/repository.ts";
import { type RecipeDocument, readDocuments } from "./recipe-document.ts";
import { joinLayers, type RecipeLayer } from "./recipe-layers.ts";
import type { Axis, MatrixCell, RecipeCell } from "./recipe-matrix.ts";
import { mistake } from "./recipe-mistake.ts";
import { SECRET_FILES, withSecrets } from "./recipe-secrets.ts";
import { fillVariables, type Variables } from "./recipe-variables.ts";

/** Keys whose values are files to read; in a recipe they are relative to its folder, as `dest` is not. */
export const FILE_KEYS: readonly string[] = [
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
  /** Axes of a matrix; they beat those of files. */
  readonly matrix?: Readonly<Record<string, readonly string[]>>;
}

/** All that a recipe is joined from, read but not joined. */
interface Sources {
  readonly documents: readonly RecipeDocument[];
  readonly own: readonly RecipeDocument[];
  readonly options: Record<string, unknown>;
  readonly surroundings: RecipeSurroundings;
}

/** Options that may hold variables: only in a matrix do they differ between machines. */
const TEMPLATES = ["hostname", "dest"];

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
  const [cell, second] = await readRecipes(file, options, surroundings);
  if (cell && !second) return cell.recipe;
  throw new VmbuilderError("recipe-invalid", "these are the recipes of several machines, by their matrix", {
    hint: "give one value for each of its keys, such as --suite NAME",
  });
}

/** As {@link readRecipe}, for each machine of a matrix; without one, a single recipe whose label is empty. */
export async function readRecipes(
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings = {},
): Promise<RecipeCell[]> {
  const sources = await readSources(file, options, surroundings);
  const axes = axesOf(sources);
  if (axes.length === 0) return [{ label: "", recipe: await joinRecipe(layersOf(sources)) }];
  const { expandMatrix, nameApart } = await import("./recipe-matrix.ts");
  const cells: RecipeCell[] = [];
  for (const cell of expandMatrix(axes))
    cells.push({ label: cell.label, recipe: await joinRecipe(layersOf(sources, cell)) });
  return nameApart(cells);
}

async function joinRecipe(layers: readonly RecipeLayer[]): Promise<Recipe> {
  const joined = joinLayers(await Promise.all(layers.map(withSecrets)));
  const parsed = recipeSchema.safeParse(joined.values);
  if (!parsed.success) throw mistake(parsed.error, joined.values, joined.name, KEYS);
  await checkKeyring(parsed.data.keyring, joined.name(["keyring"]));
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
  const { values, name } = joinLayers(layersOf(await readSources(file, options, surroundings)));
  return { values: resolveBeside(values, join(process.cwd(), "command line")), name };
}

/** Whether a recipe is that of several machines. */
export async function hasMatrix(
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings = {},
): Promise<boolean> {
  return axesOf(await readSources(file, options, surroundings)).length > 0;
}

async function readSources(
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings,
): Promise<Sources> {
  const documents: RecipeDocument[] = [];
  for (const one of surroundings.below ?? []) documents.push(...(await readDocuments(one)));
  const own = file === undefined ? [] : await readDocuments(file);
  return { documents, own, options, surroundings };
}

/** The axes of the matrix, without those for which an option gives one value. */
function axesOf({ documents, own, options, surroundings }: Sources): Axis[] {
  const axes = new Map<string, Axis>();
  for (const { file, matrix, name } of [...documents, ...own])
    for (const [key, values] of Object.entries(matrix))
      axes.set(key, {
        key,
        values: values.map((value) => resolveBeside({ [key]: value }, file)[key] as AxisValue),
        name: (index) =>
          name(["matrix", key, ...(index === undefined ? [] : [index])], index === undefined ? "key" : "value"),
      });
  for (const key of Object.keys(options)) axes.delete(key);
  for (const [key, values] of Object.entries(surroundings.matrix ?? {}))
    axes.set(key, { key, values, name: () => `--matrix ${key}` });
  return [...axes.values()];
}

/** Layers, the weakest first. A cell of a matrix beats files. */
function layersOf({ documents, own, options, surroundings }: Sources, cell?: MatrixCell): RecipeLayer[] {
  const defined = [...documents, ...own].map((document) => document.vars);
  const variables = Object.assign({}, ...defined, surroundings.vars, cell?.variables) as Variables;
  const fill = (document: RecipeDocument) => filledLayer(document, variables);
  const command = commandLine(options);
  const filled = Object.entries(command.values).map(([key, value]): [string, unknown] => {
    return [key, cell && TEMPLATES.includes(key) ? fillVariables(value, variables, () => `--${key}`) : value];
  });
  return [
    ...documents.map(fill),
    ...(surroundings.configuration ? [surroundings.configuration] : []),
    ...own.map(fill),
    ...(cell ? [cell.layer] : []),
    { ...command, values: Object.fromEntries(filled) },
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

async function checkKeyring(path: string | undefined, name: string): Promise<void> {
  if (path === undefined) return;
  const hint = "give a keyring file";
  const start = await readStart(path).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `${name}: cannot read ${path}`, { hint, cause });
  });
  if (!isPublicKeys(start)) throw new VmbuilderError("usage", `${name}: ${path} holds no OpenPGP public key`, { hint });
}

async function readStart(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
  return buffer.subarray(0, bytesRead);
}

/** Armored, or begins with the packet of a public key in its old or new form (RFC 9580, sections 4.2 and 5.5.1.1). */
function isPublicKeys(start: Buffer): boolean {
  const tag = start[0] ?? 0;
  return (tag & 0xfc) === 0x98 || tag === 0xc6 || start.includes("-----BEGIN PGP PUBLIC KEY BLOCK-----");
}
