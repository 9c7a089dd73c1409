import { createPaint, type Environment, wantsColor } from "./color.ts";
import { chooseGlyphs } from "./glyphs.ts";
import { writeJsonLine } from "./json-lines.ts";
import { createLiveDisplay } from "./live-display.ts";
import { createPlainDisplay } from "./plain-display.ts";
import type { Reporter, ReporterStream } from "./reporter.ts";

export type { Reporter, ReporterStream } from "./reporter.ts";

/** How a build is shown. */
export interface ReporterOptions {
  /**
   * `auto`: live on a terminal, plain lines elsewhere. `verbose`: the same with log lines. `quiet`: warnings only.
   * `json`: one line of JSON for each event.
   */
  readonly mode: "auto" | "json" | "quiet" | "verbose";
  readonly stream: ReporterStream;
  readonly env: Environment;
}

/**
 * Makes what shows a build's events. Its errors (the reader went away) don't disturb the build. `close()` must be
 * called before anything else is written to the same terminal, on success and on failure.
 */
export function createReporter({ mode, stream, env }: ReporterOptions): Reporter {
  stream.on("error", () => {});
  if (mode === "json") return { sink: (event) => writeJsonLine(stream, event), close: () => {} };
  const paint = createPaint(wantsColor(stream, env));
  if (mode === "quiet") return createPlainDisplay({ stream, paint, detail: "quiet" });
  if (stream.isTTY && env.TERM !== "dumb") {
    return createLiveDisplay({ stream, paint, glyphs: chooseGlyphs(env), verbose: mode === "verbose" });
  }
  return createPlainDisplay({ stream, paint, detail: mode === "verbose" ? "verbose" : "normal" });
}
