/** A paragraph of a Debian control file: field names as written, values with their continuation lines. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * Reads the paragraphs of a control file. Field names keep their spelling; look-ups by canonical spelling work for
 * files that Debian's own tools wrote. Continuation lines keep their leading space.
 *
 * @see https://manpages.debian.org/deb822
 */
export function parseDeb822(text: string): Stanza[] {
  const stanzas: Map<string, string>[] = [];
  let stanza: Map<string, string> | undefined;
  let field: string | undefined;
  for (const line of text.split("\n")) {
    if (line.trim() === "") {
      stanza = undefined;
      field = undefined;
      continue;
    }
    if (line.startsWith("#")) continue;
    if ((line.startsWith(" ") || line.startsWith("\t")) && stanza && field) {
      stanza.set(field, `${stanza.get(field)}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    if (!stanza) {
      stanza = new Map();
      stanzas.push(stanza);
    }
    field = line.slice(0, colon);
    stanza.set(field, line.slice(colon + 1).trim());
  }
  return stanzas;
}

/** Writes paragraphs back; values are taken as they are. */
export function formatDeb822(stanzas: readonly Stanza[]): string {
  return stanzas
    .map((stanza) =>
      [...stanza].map(([field, value]) => `${field}:${value.startsWith("\n") ? "" : " "}${value}\n`).join(""),
    )
    .join("\n");
}
