/** A value as the text of a field. */
export function asText(value: unknown): string {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A list's value as words; one word alone may stand for a list. */
export function asWords(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : String(value).split(/[\s,]+/)).map(asText).filter(Boolean);
}
