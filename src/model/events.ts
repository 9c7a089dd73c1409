/**
 * What a build says while it runs. One stream of plain data; the terminal, NDJSON (`--json`) and later the
 * web page draw the same events.
 */

/** The stages of a build, in the order in which they begin. */
export const STAGES = ["check", "resolve", "install", "assemble", "convert", "deploy"] as const;

/** A stage of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** A step's name: `stage` or `stage/part`, for example `install/download`. */
export type StepName = Stage | `${Stage}/${string}`;

/** Unit of a progress event's `done` and `total`. */
export type ProgressUnit = "bytes" | "packages" | "items";

export type BuildEvent =
  | { type: "started"; step: StepName; title: string; atMs: number }
  | { type: "cached"; step: StepName; title: string; key: string; atMs: number }
  | { type: "progress"; step: StepName; done: number; total: number; unit: ProgressUnit; item?: string; atMs: number }
  | { type: "log"; step: StepName; level: "debug" | "info" | "warning"; message: string; atMs: number }
  | { type: "finished"; step: StepName; seconds: number; atMs: number }
  | { type: "failed"; step: StepName; code: string; message: string; hint?: string; atMs: number };

/** Receives events; must not throw. */
export type EventSink = (event: BuildEvent) => void;
