import type { Command } from "commander";
import * as z from "zod";
import { SECRET_FILES } from "../core/recipe-secrets.ts";
import { LIST_KEYS, recipeSchema } from "../model/recipe.ts";
import { compositionSchema } from "../model/recipe-composition.ts";
import { withVariables } from "./schema-variables.ts";

/** The JSON Schema of a recipe file as people write it, with its variables: {@link recipeJsonSchema} tells their values. */
export function recipeFileSchema(program: Command): Record<string, unknown> {
  return withVariables(recipeJsonSchema(program));
}

/**
 * The JSON Schema (draft 2020-12) of a recipe whose variables are filled in, made from what checks recipes, with the
 * help texts of `build`'s options. Checks that JSON Schema cannot express, such as sizes with units, stay with
 * `vmbuilder build --dry-run`.
 *
 * @see https://json-schema.org/draft/2020-12
 */
export function recipeJsonSchema(program: Command): Record<string, unknown> {
  const build = program.commands.find((command) => command.name() === "build");
  const texts = new Map(build?.options.map((option) => [option.name(), option.description]));
  const files = Object.fromEntries(Object.values(SECRET_FILES).map((key) => [key, z.string().min(1).optional()]));
  const whole = z.strictObject({ ...recipeSchema.shape, ...files, ...compositionSchema.shape });
  const schema = z.toJSONSchema(whole, { io: "input", unrepresentable: "any" });
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const description = texts.get(name);
    return [name, description === undefined ? property : { description, ...Object(property) }];
  });
  return {
    ...schema,
    title: "vmbuilder recipe",
    properties: Object.fromEntries([...properties, ...additions(schema)]),
  };
}

/** `KEY+`, which adds to a list that another recipe has. */
function additions({ properties = {} }: { properties?: Record<string, unknown> }): [string, unknown][] {
  return LIST_KEYS.map((key) => {
    const { default: _, ...property } = Object(properties[key]) as Record<string, unknown>;
    return [`${key}+`, { ...property, description: `added to ${key} of what this recipe includes` }];
  });
}
