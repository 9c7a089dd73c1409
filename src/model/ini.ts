/** A line `key = value` of an INI file. */
export interface IniEntry {
  readonly section: string;
  /** In small letters, words joined by hyphens. */
  readonly key: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A line that is none of an INI file's. */
export interface IniMistake {
  readonly line: number;
  readonly text: string;
}

/**
 * Reads an INI file as Python's ConfigParser did: sections, `key = value` or `key: value`, comments after `#` and `;`, and
 * lines that begin with a blank go on with the value before.
 *
 * @see https://docs.python.org/3/library/configparser.html#supported-ini-file-structure
 */
export function parseIni(text: string): { entries: IniEntry[]; mistakes: IniMistake[] } {
  const entries: IniEntry[] = [];
  const mistakes: IniMistake[] = [];
  let section: string | undefined;
  let continues = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = raw.replace(/\s;.*$/, "").trimEnd();
    if (content.trim() === "" || /^[#;]/.test(content.trim())) continue;
    const last = entries.at(-1);
    if (/^\s/.test(content) && continues && last) {
      entries[entries.length - 1] = { ...last, value: `${last.value} ${content.trim()}`.trim() };
      continue;
    }
    const header = /^\[([^\]]+)\]$/.exec(content)?.[1];
    const sign = content.search(/[=:]/);
    const key = content.slice(0, Math.max(0, sign)).trim();
    continues = false;
    if (header !== undefined) section = header.trim();
    else if (key !== "" && section !== undefined) {
      const value = content.slice(sign + 1).trim();
      entries.push({ section, key: key.toLowerCase().replaceAll("_", "-"), value, line });
      continues = true;
    } else mistakes.push({ line, text: content });
  }
  return { entries, mistakes };
}
