import type { Environment } from "./color.ts";

/** The few signs that the display is drawn with. */
export interface Glyphs {
  readonly done: string;
  readonly failed: string;
  readonly stopped: string;
  readonly warning: string;
  readonly spinner: readonly string[];
  readonly barFull: string;
  readonly barEmpty: string;
  readonly ellipsis: string;
}

const UNICODE: Glyphs = {
  done: "✓",
  failed: "✗",
  stopped: "–",
  warning: "!",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
  barFull: "━",
  barEmpty: "─",
  ellipsis: "…",
};

const ASCII: Glyphs = {
  done: "*",
  failed: "x",
  stopped: "-",
  warning: "!",
  spinner: ["|", "/", "-", "\\"],
  barFull: "#",
  barEmpty: ".",
  ellipsis: "...",
};

/** Chooses signs by the locale; the Linux console's font has neither braille nor heavy lines. */
export function chooseGlyphs(env: Environment): Glyphs {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return /utf-?8/i.test(locale) && env.TERM !== "linux" ? UNICODE : ASCII;
}
