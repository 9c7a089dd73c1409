import { describe, expect, it } from "vitest";
import { LIST_KEYS, RECIPE_KEYS, recipeSchema } from "../model/recipe.ts";
import { COMPOSITION_KEYS } from "../model/recipe-composition.ts";
import { createProgram } from "./program.ts";
import { recipeJsonSchema } from "./recipe-schema.ts";

const schema = recipeJsonSchema(createProgram()) as {
  additionalProperties: boolean;
  properties: Record<string, { description?: string; pattern?: string; default?: unknown }>;
};

describe("recipeJsonSchema", () => {
  it("describes every key of a recipe, and allows no other", () => {
    const others = [
      ...COMPOSITION_KEYS,
      "pass-file",
      "rootpass-file",
      "luks-pass-file",
      ...LIST_KEYS.map((key) => `${key}+`),
    ];
    expect(new Set(Object.keys(schema.properties))).toEqual(new Set([...RECIPE_KEYS, ...others]));
    expect(schema.additionalProperties).toBe(false);
    const undescribed = Object.entries(schema.properties).filter(([, { description }]) => !description);
    expect(undescribed.map(([name]) => name)).toEqual([]);
  });

  it.each(["web", "Web.Example.org", "-web", "we b", "a".repeat(64)])(
    "judges the host name %s as a build does",
    (name) => {
      const accepted = new RegExp(schema.properties.hostname?.pattern ?? "").test(name);
      expect(accepted).toBe(recipeSchema.safeParse({ hostname: name }).success);
    },
  );

  it("has defaults that a build accepts", () => {
    const defaults = Object.entries(schema.properties).flatMap(([name, { default: value }]) =>
      value === undefined || COMPOSITION_KEYS.includes(name) ? [] : [[name, value]],
    );
    expect(recipeSchema.safeParse(Object.fromEntries(defaults)).success).toBe(true);
  });
});
