import { escapeControls } from "./escape-controls.ts";
import type { BuildEvent, ProgressUnit, StepName } from "./events.ts";

/** How far a step has come. */
export interface StepProgress {
  readonly done: number;
  readonly total: number;
  readonly unit: ProgressUnit;
  readonly item: string | undefined;
}

/** A step as it stands; texts are safe to print. */
export interface StepState {
  readonly step: StepName;
  readonly title: string;
  readonly status: "running" | "done" | "cached" | "failed";
  readonly startedAtMs: number;
  readonly seconds: number | undefined;
  readonly progress: StepProgress | undefined;
  /** Recent progress, oldest first, for the rate. */
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

/** The steps of a build in the order in which they began. */
export type StepBoard = ReadonlyMap<StepName, StepState>;

const RATE_WINDOW_MS = 5000;
const RATE_NEEDS_MS = 500;
const SAMPLE_EVERY_MS = 200;

/**
 * Takes an event into account and returns the board as it stands after it; logs change nothing.
 *
 * @param nowMs the display's own clock, so that an event's `atMs` may come from any other
 */
export function applyEvent(board: StepBoard, event: BuildEvent, nowMs: number): StepBoard {
  const next = stepAfter(board.get(event.step), event, nowMs);
  return next ? new Map(board).set(event.step, next) : board;
}

/** Seconds a step took, or has been running. */
export function elapsedSeconds(state: StepState, nowMs: number): number {
  return state.seconds ?? Math.max(0, nowMs - state.startedAtMs) / 1000;
}

/** Units per second over the last few seconds; undefined while there is too little to tell. Falls while a step stalls. */
export function progressRate({ progress, samples }: StepState, nowMs: number): number | undefined {
  const oldest = samples[0];
  if (!progress || !oldest || nowMs - oldest.atMs < RATE_NEEDS_MS) return undefined;
  return Math.max(0, ((progress.done - oldest.done) * 1000) / (nowMs - oldest.atMs));
}

/** Seconds that are left at the present rate; undefined when nobody can tell. */
export function remainingSeconds(state: StepState, nowMs: number): number | undefined {
  const rate = progressRate(state, nowMs);
  if (!rate || !state.progress || state.progress.total <= state.progress.done) return undefined;
  return (state.progress.total - state.progress.done) / rate;
}

function stepAfter(before: StepState | undefined, event: BuildEvent, nowMs: number): StepState | undefined {
  const state: StepState = before ?? emptyStep(event.step, nowMs);
  switch (event.type) {
    case "started":
      return { ...emptyStep(event.step, nowMs), title: escapeControls(event.title) };
    case "cached":
      return { ...state, title: escapeControls(event.title), status: "cached" };
    case "progress":
      // Some work of a step may be done before it begins.
      return before && withProgress(before, event, nowMs);
    case "finished":
      return { ...state, status: state.status === "cached" ? "cached" : "done", seconds: event.seconds };
    case "failed":
      return { ...state, status: "failed", seconds: elapsedSeconds(state, nowMs) };
    case "log":
      return undefined;
  }
}

function emptyStep(step: StepName, nowMs: number): StepState {
  return {
    step,
    title: step,
    status: "running",
    startedAtMs: nowMs,
    seconds: undefined,
    progress: undefined,
    samples: [],
  };
}

function withProgress(state: StepState, event: BuildEvent & { type: "progress" }, nowMs: number): StepState {
  const { done, total, unit } = event;
  const item = event.item === undefined ? undefined : escapeControls(event.item);
  return {
    ...state,
    progress: { done, total, unit, item },
    samples: nextSamples(state.samples, { atMs: nowMs, done }),
  };
}

function nextSamples(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && sample.atMs - last.atMs < SAMPLE_EVERY_MS) return samples;
  return [...samples.filter(({ atMs }) => sample.atMs - atMs <= RATE_WINDOW_MS), sample];
}
