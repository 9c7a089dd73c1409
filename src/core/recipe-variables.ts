import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";

/** Values of variables by name. */
export type Variables = Readonly<Record<string, string | number | boolean>>;

/** `$${` stands for a plain `${`; `${NAME}` and `${NAME:-default}` for a variable; any other `${` is a mistake. */
const REFERENCE = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_-]*?)(:-[^}]*)?\})?/g;

/**
 * Puts variables into a value's texts, at any depth. A text that is one reference alone becomes `true` or `false` when
 * the variable is that.
 *
 * @param name says where a text stands, for messages
 * @throws recipe-invalid for a variable that isn't defined, and has no default
 */
export function fillVariables(
  value: unknown,
  variables: Variables,
  name: (path: readonly PropertyKey[]) => string,
  path: readonly PropertyKey[] = [],
): unknown {
  if (typeof value === "string") return fillText(value, variables, () => name(path));
  if (Array.isArray(value)) return value.map((item, index) => fillVariables(item, variables, name, [...path, index]));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, fillVariables(inner, variables, name, [...path, key])]),
  );
}

function fillText(text: string, variables: Variables, place: () => string): string | boolean {
  const filled = text.replace(REFERENCE, (reference, variable?: string, standard?: string) => {
    if (reference === "$${") return "${";
    if (variable === undefined)
      throw new VmbuilderError("recipe-invalid", `${place()}: after "\${" must come a name and "}"`, {
        hint: `write \${NAME} or \${NAME:-default}; for the plain characters $\${`,
      });
    if (Object.hasOwn(variables, variable)) return String(variables[variable]);
    if (standard !== undefined) return standard.slice(2);
    const near = nearestName(variable, Object.keys(variables));
    throw new VmbuilderError("recipe-invalid", `${place()}: the variable "${variable}" is not defined`, {
      hint: near
        ? `did you mean ${near}?`
        : `give --var ${variable}=VALUE, define it under vars:, or write \${${variable}:-default}`,
    });
  });
  if (filled === text || !/^\$\{[^}]*\}$/.test(text)) return filled;
  return filled === "true" || filled === "false" ? filled === "true" : filled;
}
