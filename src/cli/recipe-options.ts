import type { RecipeSurroundings } from "../core/recipe-file.ts";
import { VmbuilderError } from "../model/errors.ts";
import { VARIABLE_NAME } from "../model/recipe-composition.ts";
import { type BuildOptionValues, splitList } from "./options.ts";

/** Options that say how to build, or where recipes lie; they have no place in a recipe. */
const NOT_OF_RECIPES: readonly string[] = [
  "dry-run",
  "json",
  "quiet",
  "verbose",
  "overwrite",
  "yes",
  "cache-dir",
  "allow-no-login",
  "update-lock",
  "no-lock",
  "profile",
  "var",
  "matrix",
  "user-config",
  "system-config",
] satisfies (keyof BuildOptionValues)[];

/** The options that are keys of a recipe, too. */
export function recipeOptions(values: BuildOptionValues): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([key, value]) => !NOT_OF_RECIPES.includes(key) && !isAxis(key, value)),
  );
}

/** What holds beside a recipe and its options: configuration files, a profile, variables. */
export async function readSurroundings(values: BuildOptionValues): Promise<RecipeSurroundings> {
  const { filesBelow } = await import("../core/recipe-origins.ts");
  return {
    below: await filesBelow({
      config: values["user-config"],
      systemConfig: values["system-config"],
      profile: values.profile,
    }),
    vars: Object.fromEntries((values.var ?? []).map(parseVariable)),
    matrix: Object.fromEntries([
      ...Object.entries(values).flatMap(([key, value]) =>
        isAxis(key, value) ? [[key, splitList(String(value))]] : [],
      ),
      ...(values.matrix ?? []).map(parseAxis),
    ]) as Record<string, string[]>,
  };
}

/** Options whose one value has no comma: with one, they make a matrix, as `--suite bookworm,trixie`. */
const AXES: readonly string[] = ["suite", "rootsize", "swapsize", "mem", "cpus"];

function isAxis(key: string, value: unknown): boolean {
  return AXES.includes(key) && typeof value === "string" && value.includes(",");
}

function parseAxis(text: string): [string, string[]] {
  const at = text.indexOf("=");
  const values = splitList(text.slice(at + 1));
  if (at > 0 && values.length > 0) return [text.slice(0, at), values];
  throw new VmbuilderError("usage", `--matrix: "${text.slice(0, 60)}" is not KEY=A,B`, {
    hint: "write for example --matrix suite=bookworm,trixie",
  });
}

function parseVariable(text: string): [string, string] {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(at, 0));
  if (VARIABLE_NAME.test(name)) return [name, text.slice(at + 1)];
  throw new VmbuilderError("usage", `--var: "${text.slice(0, 60)}" is not NAME=VALUE`, {
    hint: "a name consists of letters, digits, _ and -",
  });
}
