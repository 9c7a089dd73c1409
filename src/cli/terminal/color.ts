import { styleText } from "node:util";

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Paints text, or leaves it alone where colours are unwanted. */
export type Paint = (style: Style, text: string) => string;

/** A name of a colour or weight that {@link Paint} knows. */
export type { Style };

/** Environment variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Says whether a stream gets colours. FORCE_COLOR wins over NO_COLOR, as in Node itself; else it must be a terminal
 * that isn't dumb.
 *
 * @see https://no-color.org and https://force-color.org
 */
export function wantsColor(stream: { isTTY?: boolean }, env: Environment): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  if (env.NO_COLOR) return false;
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Makes the painter for a stream that does or doesn't want colours. */
export function createPaint(color: boolean): Paint {
  return (style, text) => (color && text !== "" ? styleText(style, text, { validateStream: false }) : text);
}
