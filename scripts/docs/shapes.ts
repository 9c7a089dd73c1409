import { escapeHtml } from "./html.ts";

/** As much of JSON Schema as recipes and the API use. */
export interface Shape {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly $ref?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A shape in words, as HTML: `list of text`, `bios or uefi`, a link to a named shape. Objects are only named. */
export function shapeText(shape: Shape): string {
  if (shape.$ref !== undefined) {
    const name = shape.$ref.split("/").at(-1) ?? "";
    return shape.$ref.startsWith("#/components/") ? `<a href="#${name.toLowerCase()}">${name}</a>` : "the same again";
  }
  const members = shape.anyOf ?? shape.oneOf;
  if (members) return choiceText(members);
  if (shape.const !== undefined) return code(shape.const);
  if (shape.enum) return shape.enum.map(code).join(" or ");
  if (Array.isArray(shape.type)) return shape.type.map((type: string) => shapeText({ type })).join(" or ");
  if (shape.type === "array") return listText(shape.items ?? {});
  if (shape.type === "object") return isMap(shape) ? `names and their values (${valueText(shape)})` : "object";
  if (shape.type === "integer" || shape.type === "number") return `number${range(shape)}`;
  if (shape.type === "string") return shape.format === "date-time" ? "time" : "text";
  if (shape.type === "boolean") return "<code>true</code> or <code>false</code>";
  if (shape.type === "null") return "<code>null</code>";
  return "anything";
}

function choiceText(members: readonly Shape[]): string {
  const words = [...new Set(members.map(shapeText))];
  const [list, one] = [
    members.find(({ items }) => items !== undefined),
    words.find((text) => text === shapeText(members.at(-1) ?? {})),
  ];
  if (words.length === 2 && list && one && listText(members.at(-1) ?? {}) === shapeText(list))
    return `${one}, or a list`;
  return words.join(" or ");
}

function listText(items: Shape): string {
  const words = shapeText(items);
  return `list of ${["text", "object", "number", "time"].includes(words) ? `${words}s` : words}`;
}

/** The fields of an object, of a list's objects, or of whichever object a choice has. */
export function fieldsOf(shape: Shape): [name: string, field: Shape, isRequired: boolean][] {
  if (shape.properties) {
    return Object.entries(shape.properties).map(([name, field]) => [
      name,
      field,
      shape.required?.includes(name) ?? false,
    ]);
  }
  if (shape.items) return fieldsOf(shape.items);
  const fields = (shape.anyOf ?? shape.oneOf ?? []).flatMap(fieldsOf);
  return [...new Map(fields.map((field) => [field[0], field])).values()];
}

/** The fields as a nested list, down to the last object. */
export function fieldsHtml(shape: Shape): string {
  const fields = fieldsOf(shape);
  if (fields.length === 0) return "";
  const items = fields.map(([name, field, isRequired]) => {
    const standard = isShown(field.default) ? `, default ${code(field.default)}` : "";
    const needed = isRequired && field.default === undefined ? ", required" : "";
    const words = field.description === undefined ? "" : `: ${escapeHtml(field.description)}`;
    return `<li><code>${escapeHtml(name)}</code> ${shapeText(field)}${needed}${standard}${words}${fieldsHtml(field)}</li>`;
  });
  return `\n<ul class="fields">\n${items.join("\n")}\n</ul>`;
}

/** A default that says something. */
export function isShown(value: unknown): boolean {
  return value !== undefined && value !== "" && !(typeof value === "object" && Object.keys(value ?? {}).length === 0);
}

function code(value: unknown): string {
  return `<code>${escapeHtml(typeof value === "string" ? value : JSON.stringify(value))}</code>`;
}

function isMap(shape: Shape): boolean {
  return shape.properties === undefined && typeof shape.additionalProperties === "object";
}

function valueText({ additionalProperties }: Shape): string {
  return typeof additionalProperties === "object" ? shapeText(additionalProperties) : "anything";
}

function range({ minimum, maximum }: Shape): string {
  if (minimum === undefined || Math.abs(minimum) > 1e12) return "";
  return maximum === undefined || maximum > 1e12 ? `, at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}
