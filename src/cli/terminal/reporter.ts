import type { EventSink } from "../../model/events.ts";

/** Shows a build's events while it runs. */
export interface Reporter {
  readonly sink: EventSink;
  /** Draws what is left and gives the terminal back; calling it again does nothing. */
  close(): void;
}

/** The part of a stream that a reporter writes to: `process.stderr`, or a stand-in. */
export interface ReporterStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}
