import type { ReporterStream } from "./reporter.ts";
import { displayWidth } from "./text.ts";

/** Lines at the bottom of a terminal that are replaced in place. */
export interface LiveRegion {
  /** Writes `above` for good, and `live` below it in place of the live lines before. */
  draw(above: readonly string[], live: readonly string[]): void;
  /** Says that the terminal's width changed, so that the last lines may have been wrapped. */
  forgetWidth(): void;
  /** Leaves what was drawn and shows the cursor again. */
  close(): void;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ERASE_TO_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

/**
 * Makes a live region. Each frame is a single write that overwrites line by line and erases only what is left over:
 * nothing is ever blank in between, so nothing flickers.
 */
export function createLiveRegion(stream: ReporterStream): LiveRegion {
  let drawn: readonly string[] = [];
  let hidden = false;
  let resized = false;
  const showCursor = (): void => {
    if (hidden) stream.write(SHOW_CURSOR);
    hidden = false;
  };
  // Only "exit" is sure to come, whoever ends the process.
  process.once("exit", showCursor);

  return {
    draw(above, live) {
      if (above.length === 0 && !resized && sameLines(live, drawn)) return;
      const up = resized ? wrappedRows(drawn, stream.columns || 80) : drawn.length;
      const start = `${hidden ? "" : HIDE_CURSOR}${up > 0 ? `\x1b[${up}A\r` : ""}${resized ? ERASE_BELOW : ""}`;
      const lines = [...above, ...live].map((line) => `${line}${ERASE_TO_LINE_END}\n`).join("");
      stream.write(start + lines + ERASE_BELOW);
      hidden = true;
      resized = false;
      drawn = live;
    },
    forgetWidth() {
      resized = true;
    },
    close() {
      showCursor();
      process.removeListener("exit", showCursor);
    },
  };
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

/** Rows that lines take after the terminal wrapped them to its new width, as all but the oldest do. */
function wrappedRows(lines: readonly string[], columns: number): number {
  const widths = lines.map((line) => displayWidth(line.replace(/\x1b\[[\d;]*m/g, "")));
  return widths.reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0);
}
