import { formatClock, formatSeconds, formatWholeSeconds } from "../../model/duration.ts";
import type { BuildEvent, StepName } from "../../model/events.ts";
import { applyEvent, progressRate, remainingSeconds, type StepBoard, type StepState } from "../../model/step-board.ts";
import { formatDoneOfTotal, formatRate, formatTotal } from "./amount.ts";
import type { Paint } from "./color.ts";
import type { Reporter, ReporterStream } from "./reporter.ts";
import { printableLines } from "./text.ts";

/** What the plain display needs. */
export interface PlainDisplayOptions {
  readonly stream: ReporterStream;
  readonly paint: Paint;
  /** Everything: steps and logs. Normal: steps and warnings. Quiet: warnings. */
  readonly detail: "quiet" | "normal" | "verbose";
}

const PROGRESS_EVERY_MS = 5000;

/** Writes a build as plain lines, for log files and dumb terminals: each begins with the time since the start. */
export function createPlainDisplay({ stream, paint, detail }: PlainDisplayOptions): Reporter {
  const startedAtMs = Date.now();
  const lastLineAtMs = new Map<StepName, number>();
  let board: StepBoard = new Map();
  let closed = false;

  const writeLine = (text: string): void => {
    const clock =
      detail === "quiet" ? "" : `${paint("dim", formatClock((Date.now() - startedAtMs) / 1000).padStart(5))}  `;
    stream.write(`${clock}${text}\n`);
  };
  const showStep = (event: BuildEvent): void => {
    const nowMs = Date.now();
    board = applyEvent(board, event, nowMs);
    const state = board.get(event.step);
    const silent = event.type === "progress" && nowMs - (lastLineAtMs.get(event.step) ?? nowMs) < PROGRESS_EVERY_MS;
    if (!state || silent) return;
    lastLineAtMs.set(event.step, nowMs);
    writeLine(stepText(state, event, nowMs, paint));
  };

  return {
    sink(event: BuildEvent) {
      if (closed) return;
      if (event.type === "log") for (const line of logTexts(event, detail, paint)) writeLine(line);
      else if (detail !== "quiet") showStep(event);
    },
    close() {
      closed = true;
    },
  };
}

function stepText(state: StepState, event: BuildEvent, nowMs: number, paint: Paint): string {
  switch (event.type) {
    case "progress":
      return `${state.title}: ${progressText(state, nowMs)}`;
    case "cached":
      return `${state.title}: ${paint("green", "cached")}`;
    case "finished":
      return `${state.title}: ${paint("green", "done")} in ${formatSeconds(event.seconds)}${totalText(state)}`;
    case "failed":
      return `${state.title}: ${paint("red", "failed")}`;
    default:
      return state.title;
  }
}

function progressText(state: StepState, nowMs: number): string {
  const { progress } = state;
  if (!progress) return "";
  const rate = progressRate(state, nowMs);
  const left = remainingSeconds(state, nowMs);
  return [
    `${formatDoneOfTotal(progress)}${progress.unit === "bytes" ? "" : ` ${progress.unit}`}`,
    rate === undefined ? "" : formatRate(rate, progress.unit),
    left === undefined ? "" : `${formatWholeSeconds(left + 0.999)} left`,
    progress.item ?? "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

function totalText({ progress }: StepState): string {
  return progress ? `, ${formatTotal(progress)}` : "";
}

function logTexts(event: BuildEvent & { type: "log" }, detail: PlainDisplayOptions["detail"], paint: Paint): string[] {
  const lines = printableLines(event.message);
  if (event.level === "warning") return lines.map((line) => `${paint("yellow", "warning:")} ${line}`);
  return detail === "verbose" ? lines.map((line) => paint("dim", `${event.step}: ${line}`)) : [];
}
