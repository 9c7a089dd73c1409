import { open } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import type { z } from "zod";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import { RECIPE_KEYS, type Recipe, type RecipeInput, recipeSchema } from "../model/recipe.ts";

/** Keys whose values are files; in a recipe they are relative to the recipe's folder. */
const FILE_KEYS = ["ssh-key", "ssh-user-key", "keyring"] as const;
const LARGEST_RECIPE_BYTES = 1024 * 1024;

/** Values as they were given, and how to say where. */
interface Given {
  readonly values: Record<string, unknown>;
  /** `web.yaml:3:11: rootsize`, or `--rootsize`. */
  locate(path: readonly PropertyKey[]): string;
}

/**
 * Joins a recipe file and command line options into a checked recipe. An option replaces the file's value, lists as a
 * whole.
 *
 * @throws file-unreadable, recipe-invalid with the place of the first mistake
 */
export async function readRecipe(file: string | undefined, options: Record<string, unknown>): Promise<Recipe> {
  const written = file === undefined ? undefined : await readRecipeFile(file);
  const values = { ...written?.values, ...options };
  const parsed = recipeSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.code === "unrecognized_keys" ? [String(issue.keys[0])] : (issue?.path ?? []);
  const fromOption = String(path[0]) in options || !written;
  const where = fromOption ? `--${String(path[0])}` : written.locate(path);
  throw new VmbuilderError("recipe-invalid", `${where}: ${describe(issue, valueAt(values, path))}`, hintFor(path));
}

function describe(issue: z.core.$ZodIssue | undefined, value: unknown): string {
  if (issue?.code === "unrecognized_keys") return "there is no such key";
  const shown = typeof value === "string" || typeof value === "number" ? `"${String(value).slice(0, 80)}" ` : "";
  const inner =
    issue?.code === "invalid_union" ? issue.errors.flat().find(({ code }) => code !== "invalid_type") : undefined;
  const message = (inner ?? issue)?.message ?? "is wrong";
  return /^(is|must|holds) /.test(message) ? `${shown}${message}` : message;
}

function hintFor(path: readonly PropertyKey[]): { hint?: string } {
  const key = String(path[0]);
  if (RECIPE_KEYS.includes(key)) return {};
  const near = nearestName(key, RECIPE_KEYS);
  return { hint: near ? `did you mean ${near}?` : `known keys: ${RECIPE_KEYS.join(", ")}` };
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value !== null && typeof value === "object" ? Reflect.get(value, key) : undefined),
    values,
  );
}

async function readRecipeFile(file: string): Promise<Given> {
  const text = await readText(file);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, strict: true, logLevel: "silent" });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const refuse = (offset: number, why: string, hint?: string) =>
    new VmbuilderError("recipe-invalid", `${at(offset)}: ${why}`, hint ? { hint } : {});
  if (!Array.isArray(documents) || documents.length === 0) throw refuse(0, "the recipe is empty");
  const [document, second] = documents;
  if (!document) throw refuse(0, "the recipe is empty");
  const error = document.errors[0];
  if (error) throw refuse(error.pos[0], String(error.message.split("\n")[0]).replace(/ at line \d+.*$/, ""));
  if (second) throw refuse(second.range[0], "a recipe is a single YAML document");
  if (/[&*]\w/.test(text) && /(^|[\s[,:-])\*\w/m.test(text)) {
    const alias = text.search(/(^|[\s[,:-])\*\w/m);
    throw refuse(alias, "aliases have no place in a recipe", "write the value out");
  }
  const values: unknown = document.toJS({ maxAliasCount: 0 });
  if (values === null || typeof values !== "object" || Array.isArray(values))
    throw refuse(0, "a recipe is a list of KEY: VALUE lines");
  const locate = (path: readonly PropertyKey[]) => {
    const node = document.getIn(path, true) as ParsedNode | undefined;
    const key = String(path[0]);
    const place =
      node && "range" in node && node.range
        ? at(node.range[0])
        : at(Math.max(0, text.search(new RegExp(`^\\s*["']?${key.replace(/\W/g, "\\$&")}`, "m"))));
    return `${place}: ${path.map(String).join(".")}`;
  };
  return { values: resolveFiles(values as Record<string, unknown>, dirname(file)), locate };
}

function resolveFiles(values: Record<string, unknown>, directory: string): RecipeInput & Record<string, unknown> {
  const resolved = { ...values };
  const beside = (path: unknown) => (typeof path === "string" && !isAbsolute(path) ? join(directory, path) : path);
  for (const key of FILE_KEYS) {
    if (!(key in resolved)) continue;
    const value = resolved[key];
    resolved[key] = Array.isArray(value) ? value.map(beside) : beside(value);
  }
  return resolved;
}

async function readText(file: string): Promise<string> {
  const unreadable = (why: string, cause?: unknown) =>
    new VmbuilderError("file-unreadable", `cannot read the recipe ${file}: ${why}`, {
      hint: "give a YAML file",
      cause,
    });
  const handle = await open(file, "r").catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(cause.code === "ENOENT" ? "there is no such file" : cause.message, cause);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw unreadable("it is not a plain file");
    if (info.size > LARGEST_RECIPE_BYTES) throw unreadable("it is larger than 1 MiB");
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
