import type { Paint, Style } from "./color.ts";
import { displayWidth, truncate } from "./text.ts";

/** A run of printable text in one style. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** One line of the screen, before it is cut and painted. */
export type Line = readonly Span[];

/** Cuts a line to `columns` and paints it; cutting comes first, so that no escape sequence is ever cut. */
export function paintLine(line: Line, columns: number, paint: Paint, ellipsis = "…"): string {
  let room = columns;
  let painted = "";
  for (const { text, style } of line) {
    const kept = truncate(text, room, ellipsis);
    painted += style ? paint(style, kept) : kept;
    if (kept !== text) break;
    room -= displayWidth(kept);
  }
  return painted;
}
