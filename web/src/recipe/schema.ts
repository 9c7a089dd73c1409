import { computed, signal } from "@preact/signals";
import { get } from "../api/client.ts";
import type { Choices, Named } from "../api/types.ts";

/** What the page understands of JSON Schema: what recipes use of it. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Record<string, Schema>;
  readonly required?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** How a value is asked for. */
export type FieldKind = "choice" | "switch" | "number" | "text" | "words" | "objects" | "object" | "other";

export const recipeSchema = signal<Schema | undefined>(undefined);
export const choices = signal<Choices | undefined>(undefined);
/** Recipes that come with vmbuilder. */
export const shippedRecipes = signal<readonly Named[]>([]);

/** Loads the schema and what there is to choose from, once. */
export async function loadSchema(): Promise<void> {
  if (recipeSchema.peek() && choices.peek()) return;
  const [schema, all, shipped] = await Promise.all([
    get<Schema>("schema"),
    get<Choices>("choices"),
    get<{ items: readonly Named[] }>("recipes"),
  ]);
  shippedRecipes.value = shipped.items;
  recipeSchema.value = schema;
  choices.value = all;
}

/** The keys of a recipe that the page offers: all but what the server refuses, and additions to other recipes. */
export const offeredKeys = computed<readonly string[]>(() => {
  const refused = new Set(choices.value?.refused);
  return Object.keys(recipeSchema.value?.properties ?? {}).filter((key) => !key.endsWith("+") && !refused.has(key));
});

/** Tells how to ask for a value of this schema. */
export function fieldKind(schema: Schema): FieldKind {
  if (schema.enum) return "choice";
  const arms = schema.anyOf ?? schema.oneOf ?? [schema];
  const types = new Set(arms.flatMap(({ type }) => type ?? []));
  if (types.has("boolean")) return "switch";
  const list = arms.find(({ type }) => type === "array");
  if (list) return isObject(list.items) ? "objects" : "words";
  if (types.has("object")) return schema.properties ? "object" : "other";
  if (types.has("number") && !schema.type) return "number";
  return types.has("string") || types.has("number") || types.has("integer") ? "text" : "other";
}

/** The schema of one item of a list. */
export function itemSchema(schema: Schema): Schema {
  const list = (schema.anyOf ?? schema.oneOf ?? [schema]).find(({ type }) => type === "array");
  const items = list?.items ?? {};
  return (items.anyOf ?? items.oneOf)?.find(isObject) ?? items;
}

function isObject(schema: Schema | undefined): boolean {
  return schema?.type === "object" || (schema?.anyOf ?? schema?.oneOf ?? []).some(isObject);
}
