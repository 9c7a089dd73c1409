import { escapeControls } from "../../model/escape-controls.ts";

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u200b-\u200d\u2060]/u;

/** Splits output of a program into printable lines; empty lines at the end are dropped. */
export function printableLines(text: string): string[] {
  return text.trimEnd().split(/\r?\n/).map(escapeControls);
}

/** Columns that printable text takes on a terminal: two for East Asian wide characters, none for combining marks. */
export function displayWidth(text: string): number {
  let columns = 0;
  for (const character of text) columns += characterWidth(character);
  return columns;
}

/** Cuts printable text to `columns`; what was cut ends with `…` (or `ellipsis`). */
export function truncate(text: string, columns: number, ellipsis = "…"): string {
  if (displayWidth(text) <= columns) return text;
  const room = columns - displayWidth(ellipsis);
  if (room < 0) return "";
  let used = 0;
  let kept = "";
  for (const character of text) {
    used += characterWidth(character);
    if (used > room) break;
    kept += character;
  }
  return kept + ellipsis;
}

/** Fills printable text with spaces on the right up to `columns`. */
export function padRight(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** Breaks printable text at spaces so that no line is wider than `columns`; a longer word is broken where it must be. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((part) => breakWord(part, columns))) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (displayWidth(joined) <= columns) {
      line = joined;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

function breakWord(word: string, columns: number): string[] {
  const parts: string[] = [];
  let rest = word;
  while (displayWidth(rest) > columns) {
    const part = truncate(rest, columns, "");
    if (part === "") break;
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return [...parts, rest];
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
