import { COMPOSITION_KEYS } from "../model/recipe-composition.ts";

type Schema = Readonly<Record<string, unknown>>;

/** As `fillVariables` reads them; after a `$` it is the plain characters. */
const REFERENCE = "\\$\\{[A-Za-z_][A-Za-z0-9_-]*(:-[^}]*)?\\}";
/** A text in which a variable stands; and one that is a variable alone, which may become `true` or `false`. */
const DEFINITIONS = {
  variables: {
    type: "string",
    pattern: `(^|[^$])${REFERENCE}`,
    description: `text with \${NAME} or \${NAME:-default}`,
  },
  variable: { type: "string", pattern: `^${REFERENCE}$`, description: `\${NAME} or \${NAME:-default}` },
};
type Definition = keyof typeof DEFINITIONS;
/** What a text with variables in it need not fulfil before they are filled in. */
const LIMITS = ["pattern", "format", "enum", "allOf", "minLength", "maxLength"];

/**
 * A recipe's JSON Schema that takes variables wherever a recipe file may hold them: in every text, and for `true` and
 * `false`. Includes, the variables' own values and a matrix hold none.
 *
 * @see {@link file://../core/recipe-variables.ts}
 */
export function withVariables(schema: Schema): Schema {
  const properties = Object.entries(schema.properties ?? {}).map(([key, property]: [string, Schema]) => {
    return [key, COMPOSITION_KEYS.includes(key) ? property : filled(property)];
  });
  return { ...schema, properties: Object.fromEntries(properties), $defs: DEFINITIONS };
}

function filled(schema: Schema): Schema {
  if (Array.isArray(schema.anyOf)) return { ...schema, ...choice(schema.anyOf) };
  const definition = definitionFor(schema);
  if (definition !== undefined) {
    const { description, default: standard, ...rest } = schema;
    return {
      ...(description === undefined ? {} : { description }),
      ...(standard === undefined ? {} : { default: standard }),
      ...choice([rest]),
    };
  }
  if (schema.type === "array") return { ...schema, items: filled(schema.items as Schema) };
  const inner = Object.entries(schema.properties ?? {}).map(([key, property]: [string, Schema]) => [
    key,
    filled(property),
  ]);
  return inner.length === 0 ? schema : { ...schema, properties: Object.fromEntries(inner) };
}

/** One of these, or what variables make one of them. */
function choice(arms: readonly Schema[]): Schema {
  const definitions = new Set(arms.map(definitionFor));
  const own = arms.map((arm) => (definitionFor(arm) === undefined ? filled(arm) : arm));
  const added = (["variables", "variable"] as const).filter((name) => definitions.has(name));
  return { anyOf: [...own, ...added.map((name) => ({ $ref: `#/$defs/${name}` }))] };
}

function definitionFor(schema: Schema): Definition | undefined {
  if (schema.type === "boolean") return "variable";
  return schema.type === "string" && LIMITS.some((limit) => limit in schema) ? "variables" : undefined;
}
