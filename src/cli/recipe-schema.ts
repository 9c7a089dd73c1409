import type { Command } from "commander";
import * as z from "zod";
import { recipeSchema } from "../model/recipe.ts";

/**
 * The JSON Schema (draft 2020-12) of a recipe file, made from what checks recipes, with the help texts of `build`'s
 * options. Checks that JSON Schema cannot express, such as sizes with units, stay with `vmbuilder build --dry-run`.
 *
 * @see https://json-schema.org/draft/2020-12
 */
export function recipeJsonSchema(program: Command): Record<string, unknown> {
  const build = program.commands.find((command) => command.name() === "build");
  const texts = new Map(build?.options.map((option) => [option.name(), option.description]));
  const schema = z.toJSONSchema(recipeSchema, { io: "input", unrepresentable: "any" });
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const description = texts.get(name);
    return [name, description === undefined ? property : { description, ...Object(property) }];
  });
  return { ...schema, title: "vmbuilder recipe", properties: Object.fromEntries(properties) };
}
