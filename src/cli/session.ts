import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { createReporter } from "./terminal/progress.ts";

/** What every command that takes time gets: where to tell, and when to stop. */
export interface Session {
  readonly emit: EventSink;
  readonly signal: AbortSignal;
  /** Ends the display; afterwards the terminal is the command's own. */
  close(): void;
}

/** How much is shown. */
export interface SessionOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs a command's work with a progress display. The first interrupt stops the work, which cleans up; a second one ends
 * the program at once, and then the namespaces' own rules and the next start clean up.
 */
export async function runSession<T>(options: SessionOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const mode = options.json ? "json" : options.quiet ? "quiet" : options.verbose ? "verbose" : "auto";
  const reporter = createReporter({ mode, stream: options.json ? process.stdout : process.stderr, env: process.env });
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      reporter.close();
      process.exit(130);
    }
    controller.abort(new VmbuilderError("interrupted", `stopped by ${signal}`));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work({ emit: reporter.sink, signal: controller.signal, close: () => reporter.close() });
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    reporter.close();
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}
