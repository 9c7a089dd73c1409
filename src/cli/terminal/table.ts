import { escapeControls } from "../../model/escape-controls.ts";
import { displayWidth, padRight, truncate } from "./text.ts";

/** A column of a table; what it holds may be cut only where `flexible` says so. */
export interface Column {
  readonly heading: string;
  readonly align?: "right";
  readonly flexible?: boolean;
}

const GAP = "  ";

/**
 * Lays out rows under headings, as wide as their widest text.
 *
 * @param most columns of the terminal, beyond which the flexible column is cut
 * @returns lines; the first is the headings'
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], most?: number): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(escapeControls))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => displayWidth(row[index] ?? ""))));
  const excess = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1)) - (most ?? Infinity);
  return cells.map((row) =>
    columns
      .map(({ align, flexible, heading }, index) => {
        const full = widths[index] ?? 0;
        const width = flexible && excess > 0 ? Math.max(heading.length, full - excess) : full;
        const text = truncate(row[index] ?? "", width);
        return align === "right" ? " ".repeat(width - displayWidth(text)) + text : padRight(text, width);
      })
      .join(GAP)
      .trimEnd(),
  );
}
