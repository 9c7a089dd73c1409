import type { BuildEvent } from "../../model/events.ts";
import type { Paint } from "./color.ts";
import type { Glyphs } from "./glyphs.ts";
import { paintLine } from "./line.ts";
import { printableLines, wrap } from "./text.ts";

type LogEvent = BuildEvent & { type: "log" };

const MOST_WARNING_LINES = 8;

/** Lines for a log event on a terminal: a warning is wrapped; anything else is dim, named by its step, and cut. */
export function logLines(event: LogEvent, columns: number, paint: Paint, glyphs: Glyphs): string[] {
  const lines = printableLines(event.message);
  if (event.level === "warning") {
    const wrapped = lines.flatMap((line) => wrap(line, Math.max(1, columns - 2))).slice(0, MOST_WARNING_LINES);
    return wrapped.map((line, index) => `${index === 0 ? paint("yellow", glyphs.warning) : " "} ${line}`);
  }
  return lines.map((text) => {
    return paintLine([{ text: `  ${event.step}  ${text}`, style: "dim" }], columns, paint, glyphs.ellipsis);
  });
}
