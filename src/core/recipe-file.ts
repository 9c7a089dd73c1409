import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { z } from "zod";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import { isDebPath } from "../model/plan.ts";
import { RECIPE_KEYS, type Recipe, recipeSchema } from "../model/recipe.ts";
import { parseRepositoryLine } from "../model/repository.ts";
import { readSmallFile } from "../system/files.ts";
import { parseRecipe } from "./recipe-yaml.ts";

/** Files whose first line is a secret, which then stands neither in the recipe nor among a program's arguments. */
const SECRET_FILES = { pass: "pass-file", rootpass: "rootpass-file" } as const;
/** Keys whose values are files to read; in a recipe they are relative to its folder, as `dest` is not. */
const FILE_KEYS = [
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
  ...Object.values(SECRET_FILES),
] as const;
const KEYS = [...RECIPE_KEYS, ...Object.values(SECRET_FILES)];
const LARGEST_RECIPE_BYTES = 1024 * 1024;
const LONGEST_SECRET_BYTES = 4096;

/** Values of one origin, and how messages name them. */
export interface Given {
  readonly values: Record<string, unknown>;
  /** `web.yaml:3:11: rootsize`, or `--rootsize`. */
  name(path: readonly PropertyKey[], part?: "key" | "value"): string;
}

/**
 * Joins a recipe file and command line options into a checked recipe. An option replaces the file's value, lists as a
 * whole; both replace those of `configuration`.
 *
 * @throws file-unreadable, recipe-invalid with the place of the first mistake
 */
export async function readRecipe(
  file: string | undefined,
  options: Record<string, unknown>,
  configuration?: Given,
): Promise<Recipe> {
  const command = readOptions(options);
  const origins = [configuration, file === undefined ? undefined : await readRecipeFile(file), command];
  const layers: Given[] = [];
  for (const origin of origins) if (origin) layers.push(await withSecrets(origin));
  const values = Object.fromEntries(layers.flatMap((layer) => Object.entries(layer.values)));
  const nameOf: Given["name"] = (path, part) =>
    (layers.findLast((layer) => Object.hasOwn(layer.values, String(path[0]))) ?? command).name(path, part);
  const parsed = recipeSchema.safeParse(values);
  if (!parsed.success) throw mistake(parsed.error, values, nameOf);
  await checkReadable(parsed.data.keyring, nameOf(["keyring"]));
  return parsed.data;
}

/** Options are keyed as a recipe is, but for repositories, which are lines there. */
function readOptions({ repo, ...values }: Record<string, unknown>): Given {
  const repositories = Array.isArray(repo)
    ? { repositories: repo.map((line) => parseRepositoryLine(String(line))) }
    : {};
  return {
    values: { ...values, ...repositories },
    name: ([key]) => (key === "repositories" ? "--repo" : `--${String(key)}`),
  };
}

async function readRecipeFile(file: string): Promise<Given> {
  const text = await readSmallFile(file, LARGEST_RECIPE_BYTES);
  const { values, locate } = parseRecipe(text, file);
  return {
    values: resolveBeside(values, file),
    name: (path, part) => `${locate(path, part)}: ${path.map(String).join(".")}`,
  };
}

/** Makes the names of files, which are relative to the file that holds them, relative to the current folder. */
export function resolveBeside(values: Record<string, unknown>, file: string): Record<string, unknown> {
  const beside = (path: unknown) => (typeof path === "string" && !isAbsolute(path) ? join(dirname(file), path) : path);
  const resolved = Object.entries(values).map(([key, value]): [string, unknown] => {
    if (key === "addpkg") return [key, [value].flat().map((one) => (isDebPath(String(one)) ? beside(one) : one))];
    if (key === "repositories") return [key, [value].flat().map((one) => withKeyBeside(one, beside))];
    if (!(FILE_KEYS as readonly string[]).includes(key)) return [key, value];
    return [key, Array.isArray(value) ? value.map(beside) : beside(value)];
  });
  return Object.fromEntries(resolved);
}

/** A repository's key may be a file, too. */
function withKeyBeside(repository: unknown, beside: (path: unknown) => unknown): unknown {
  if (typeof repository !== "object" || repository === null || !("key" in repository)) return repository;
  const { key } = repository;
  return typeof key === "string" && /^[a-z]+:/.test(key) ? repository : { ...repository, key: beside(key) };
}

async function withSecrets({ values, name }: Given): Promise<Given> {
  const all = { ...values };
  for (const [key, fileKey] of Object.entries(SECRET_FILES)) {
    const path = all[fileKey];
    if (path === undefined) continue;
    if (all[key] !== undefined)
      throw new VmbuilderError("recipe-invalid", `${name([fileKey])}: ${key} is given too`, {
        hint: "give one of them",
      });
    all[key] = await readFirstLine(path, name([fileKey]));
    delete all[fileKey];
  }
  return { values: all, name };
}

/** Reads no more than a line: the file may be a pipe, or one that never ends. */
async function readFirstLine(path: unknown, name: string): Promise<string> {
  if (typeof path !== "string" || path === "")
    throw new VmbuilderError("recipe-invalid", `${name}: this is no file name`);
  let text = "";
  try {
    for await (const piece of createReadStream(path, { encoding: "utf8", end: LONGEST_SECRET_BYTES })) {
      text += String(piece);
      if (text.includes("\n")) break;
    }
  } catch (cause) {
    throw new VmbuilderError("file-unreadable", `${name}: cannot read ${path}`, {
      hint: "give a file whose first line is the password",
      cause,
    });
  }
  const [line = ""] = text.split(/\r?\n/);
  if (line === "") throw new VmbuilderError("recipe-invalid", `${name}: the first line of ${path} is empty`);
  return line;
}

async function checkReadable(path: string | undefined, name: string): Promise<void> {
  if (path === undefined) return;
  await access(path).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `${name}: cannot read ${path}`, { hint: "give a keyring file", cause });
  });
}

function mistake(error: z.ZodError, values: unknown, nameOf: Given["name"]): VmbuilderError {
  const issue = error.issues[0];
  if (!issue) return new VmbuilderError("recipe-invalid", "the recipe is wrong", { cause: error });
  if (issue.code === "unrecognized_keys") {
    const key = String(issue.keys[0]);
    const near = nearestName(key, KEYS);
    return new VmbuilderError("recipe-invalid", `${nameOf([key], "key")}: there is no such key`, {
      hint: near ? `did you mean ${near}?` : `the keys are ${KEYS.join(", ")}`,
    });
  }
  const { path, message } = describe(issue, values);
  return new VmbuilderError("recipe-invalid", `${nameOf(path)}: ${message}`, { cause: error });
}

/** Says what is wrong with which value. Of a choice of forms, that one counts whose mistake lies deepest. */
function describe(issue: z.core.$ZodIssue, values: unknown): { path: PropertyKey[]; message: string } {
  const value = Object.hasOwn(SECRET_FILES, String(issue.path[0])) ? SECRET : valueAt(values, issue.path);
  switch (issue.code) {
    case "invalid_union": {
      const inner = issue.errors.flat().filter(({ code, path }) => code !== "invalid_type" || path.length > 0);
      const deepest = inner.sort((a, b) => b.path.length - a.path.length)[0];
      if (!deepest) return { path: issue.path, message: `${shown(value)} has no place here` };
      return describe({ ...deepest, path: [...issue.path, ...deepest.path] }, values);
    }
    case "invalid_type":
      if (value === undefined) return { path: issue.path, message: "is missing" };
      return { path: issue.path, message: `${shown(value)} is no ${TYPES[issue.expected] ?? issue.expected}` };
    case "invalid_value":
      return { path: issue.path, message: `${shown(value)} is none of ${issue.values.map(String).join(", ")}` };
    case "invalid_format":
      return { path: issue.path, message: `${shown(value)} ${issue.format === "url" ? "is no URL" : issue.message}` };
    case "too_small":
    case "too_big":
      if (issue.origin !== "string") break;
      return { path: issue.path, message: `${shown(value)} is ${issue.code === "too_big" ? "too long" : "empty"}` };
    default:
  }
  const message = /^(is|must) /.test(issue.message) ? `${shown(value)} ${issue.message}` : issue.message;
  return { path: issue.path, message };
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "number",
  int: "whole number",
  array: "list",
};

/** Stands for a value that no message may show. */
const SECRET = Symbol("secret");

/** A value as a message names it; what is long is cut. */
function shown(value: unknown): string {
  if (value === SECRET) return "the password";
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"` : String(value);
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value !== null && typeof value === "object" ? Reflect.get(value, key) : undefined),
    values,
  );
}
