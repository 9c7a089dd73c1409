import type { z } from "zod";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import type { RecipeLayer } from "./recipe-layers.ts";
import { SECRET_FILES } from "./recipe-secrets.ts";

/**
 * Words what zod found first, with its place.
 *
 * @param keys what may stand at the top, to name the nearest
 */
export function mistake(
  error: z.ZodError,
  values: unknown,
  nameOf: RecipeLayer["name"],
  keys: readonly string[],
): VmbuilderError {
  const issue = error.issues[0];
  if (!issue) return new VmbuilderError("recipe-invalid", "the recipe is wrong", { cause: error });
  if (issue.code === "unrecognized_keys") {
    const key = String(issue.keys[0]);
    const place = nameOf([...issue.path, key], "key");
    const near = nearestName(key, keys);
    const isTop = issue.path.length === 0;
    return new VmbuilderError("recipe-invalid", `${place}: there is no such key`, {
      ...(isTop ? { hint: near ? `did you mean ${near}?` : `the keys are ${keys.join(", ")}` } : {}),
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
      if (deepest.path.length === 0 && isOurs(issue)) break; // no form's own mistake says what all forms are
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
  return { path: issue.path, message: isOurs(issue) ? `${shown(value)} ${issue.message}` : issue.message };
}

/** True when the schema words a mistake itself. */
function isOurs({ message }: z.core.$ZodIssue): boolean {
  return /^(is|must) /.test(message);
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
