import { VmbuilderError } from "../../model/errors.ts";
import { escapeControls } from "../../model/escape-controls.ts";
import { createPaint, type Paint } from "./color.ts";
import { printableLines } from "./text.ts";

/** How an error is written. */
export interface ErrorFormat {
  readonly color: boolean;
  /** Adds the whole detail, the causes and the stack. */
  readonly verbose: boolean;
}

const DETAIL_LINES = 20;

/**
 * Writes an error for people: message, what a script last said, hint. An error that isn't ours is a bug, so its
 * stack comes along. Ends with a line feed.
 */
export function formatError(error: unknown, { color, verbose }: ErrorFormat): string {
  const paint = createPaint(color);
  const lines = error instanceof VmbuilderError ? knownError(error, paint, verbose) : unknownError(error, paint);
  return `${lines.join("\n")}\n`;
}

function knownError(error: VmbuilderError, paint: Paint, verbose: boolean): string[] {
  const message = printableLines(error.message).join(" ");
  return [
    `${prefix(paint)} ${paint("bold", message)} ${paint("dim", `[${error.code}]`)}`,
    ...(error.detail ? detailLines(error.detail, paint, verbose) : []),
    ...(error.hint
      ? printableLines(error.hint).map((line, index) => `  ${index === 0 ? paint("cyan", "hint:") : "     "} ${line}`)
      : []),
    ...(verbose ? [...stackLines(error, paint), ...causeLines(error.cause, paint)] : []),
  ];
}

function unknownError(error: unknown, paint: Paint): string[] {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? [...stackLines(error, paint), ...causeLines(error.cause, paint)] : [];
  return [
    `${prefix(paint)} ${paint("bold", printableLines(message).join(" "))}`,
    ...stack,
    `  ${paint("cyan", "hint:")} this is a mistake in vmbuilder; please report it with the lines above`,
  ];
}

function prefix(paint: Paint): string {
  return `${paint("bold", "vmbuilder:")} ${paint("red", "error:")}`;
}

function detailLines(detail: string, paint: Paint, verbose: boolean): string[] {
  const lines = printableLines(detail);
  const shown = verbose ? lines : lines.slice(-DETAIL_LINES);
  const omitted = lines.length - shown.length;
  return [...(omitted > 0 ? [`(${omitted} earlier lines: see them with -v)`] : []), ...shown].map((line) => {
    return `  ${paint("dim", "|")} ${line}`;
  });
}

function causeLines(cause: unknown, paint: Paint): string[] {
  if (cause === undefined) return [];
  if (!(cause instanceof Error)) return [`  ${paint("dim", "caused by:")} ${escapeControls(String(cause))}`];
  const message = printableLines(`${cause.name}: ${cause.message}`).join(" ");
  return [`  ${paint("dim", "caused by:")} ${message}`, ...stackLines(cause, paint), ...causeLines(cause.cause, paint)];
}

function stackLines(error: Error, paint: Paint): string[] {
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames.map((line) => paint("dim", `    ${escapeControls(line.trim())}`));
}
