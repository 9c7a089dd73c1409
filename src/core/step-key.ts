import { sha256Text } from "../system/files.ts";

/** The key of a step's output: its name, its version, and all that goes in. Objects are compared by content, not by order. */
export function stepKey(step: string, version: number, inputs: unknown): string {
  return sha256Text(JSON.stringify([step, version, sorted(inputs)]));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
