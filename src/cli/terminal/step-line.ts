import { formatSeconds, formatWholeSeconds } from "../../model/duration.ts";
import { elapsedSeconds, progressRate, remainingSeconds, type StepState } from "../../model/step-board.ts";
import { formatDoneOfTotal, formatRate, formatTotal } from "./amount.ts";
import type { Glyphs } from "./glyphs.ts";
import type { Line, Span } from "./line.ts";
import { padRight, truncate } from "./text.ts";

/** What all lines of one frame share. */
export interface Frame {
  readonly columns: number;
  /** Width of the column of titles, indentation included. */
  readonly titleColumns: number;
  readonly nowMs: number;
  readonly glyphs: Glyphs;
}

/** Columns of time, as in `12.5 s` or `1m 05s`. */
const TIME_COLUMNS = 6;
const GAP = "  ";
/** Least columns, in the order in which they get their place while the line has room. */
const PARTS = [
  { name: "amount", columns: 11 },
  { name: "bar", columns: 10 },
  { name: "item", columns: 12 },
  { name: "left", columns: 11 },
  { name: "rate", columns: 8 },
] as const;
const INDENT = "  ";
const WIDEST_TITLE = 30;
const WIDEST_BAR = 24;
const WIDEST_ITEM = 40;
const SPINNER_FRAME_MS = 100;

type PartName = (typeof PARTS)[number]["name"];

/**
 * Lays out one step: mark, title, time, and, while it runs, bar, amount, speed, time left and what it is at.
 * Columns stand under one another from line to line and don't move while numbers grow.
 */
export function stepLine(state: StepState, depth: number, frame: Frame): Line {
  const tail = state.status === "running" ? runningTail(state, frame) : endedTail(state);
  return [...headOf(markOf(state, frame), state, depth, frame), ...tail];
}

/** Lays out a step that still ran when the display was closed. */
export function stoppedLine(state: StepState, depth: number, frame: Frame): Line {
  return [...headOf(dim(frame.glyphs.stopped), state, depth, frame), dim(`${GAP}stopped`)];
}

/** Width of the column of titles: fixed, so that all lines of a build align; at most two fifths of the line. */
export function titleColumnsFor(columns: number): number {
  return Math.min(WIDEST_TITLE, Math.floor(columns * 0.4));
}

function titleOf({ title }: StepState, depth: number, { titleColumns, glyphs }: Frame): Span {
  const columns = titleColumns - INDENT.length * depth;
  return { text: ` ${padRight(truncate(title, columns, glyphs.ellipsis), columns)}${GAP}` };
}

function headOf(mark: Span, state: StepState, depth: number, frame: Frame): Line {
  return [{ text: INDENT.repeat(depth) }, mark, titleOf(state, depth, frame), timeOf(state, frame.nowMs)];
}

function markOf({ status }: StepState, { glyphs, nowMs }: Frame): Span {
  switch (status) {
    case "running": {
      const index = Math.floor(nowMs / SPINNER_FRAME_MS) % glyphs.spinner.length;
      return { text: glyphs.spinner[index] ?? "", style: "cyan" };
    }
    case "failed":
      return { text: glyphs.failed, style: "red" };
    case "done":
    case "cached":
      return { text: glyphs.done, style: "green" };
  }
}

function timeOf(state: StepState, nowMs: number): Span {
  if (state.status === "cached") return dim("cached".padStart(TIME_COLUMNS));
  const seconds = elapsedSeconds(state, nowMs);
  return dim(
    (state.status === "running" ? formatWholeSeconds(seconds) : formatSeconds(seconds)).padStart(TIME_COLUMNS),
  );
}

function endedTail(state: StepState): Line {
  if (state.status === "failed") return [{ text: `${GAP}failed`, style: "red" }];
  if (state.status === "cached" || !state.progress) return [];
  const average = state.seconds && state.seconds >= 0.1 ? state.progress.done / state.seconds : undefined;
  const speed = state.progress.unit === "bytes" && average ? ` at ${formatRate(average, "bytes")}` : "";
  return [dim(`${GAP}${formatTotal(state.progress)}${speed}`)];
}

function runningTail(state: StepState, frame: Frame): Line {
  const { progress } = state;
  if (!progress) return [];
  const used = 1 + 1 + frame.titleColumns + GAP.length + TIME_COLUMNS;
  const widths = allotColumns(frame.columns - used);
  const rate = progressRate(state, frame.nowMs);
  const left = remainingSeconds(state, frame.nowMs);
  const texts: Record<PartName, string> = {
    bar: "",
    amount: formatDoneOfTotal(progress).padStart(widths.amount),
    rate: (rate === undefined ? "" : formatRate(rate, progress.unit)).padStart(widths.rate),
    left: (left === undefined ? "" : `${formatWholeSeconds(left + 0.999)} left`).padStart(widths.left),
    item: truncate(progress.item ?? "", widths.item, frame.glyphs.ellipsis),
  };
  const part = (name: PartName, ...spans: Line): Line => (widths[name] > 0 ? [{ text: GAP }, ...spans] : []);
  return [
    ...part("bar", ...barOf(progress.total > 0 ? progress.done / progress.total : 0, widths.bar, frame.glyphs)),
    ...part("amount", { text: texts.amount }),
    ...part("rate", dim(texts.rate)),
    ...part("left", dim(texts.left)),
    ...part("item", { text: texts.item, style: "cyan" }),
  ];
}

function allotColumns(room: number): Record<PartName, number> {
  const widths: Record<PartName, number> = { amount: 0, bar: 0, item: 0, left: 0, rate: 0 };
  let rest = room;
  for (const { name, columns } of PARTS) {
    if (rest < columns + GAP.length) break;
    widths[name] = columns;
    rest -= columns + GAP.length;
  }
  if (widths.bar > 0) {
    const more = Math.min(WIDEST_BAR - widths.bar, widths.item > 0 ? Math.floor(rest / 2) : rest);
    widths.bar += more;
    rest -= more;
  }
  if (widths.item > 0) widths.item = Math.min(WIDEST_ITEM, widths.item + rest);
  return widths;
}

function barOf(share: number, columns: number, { barFull, barEmpty }: Glyphs): Line {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * columns);
  return [{ text: barFull.repeat(full), style: "cyan" }, dim(barEmpty.repeat(columns - full))];
}

function dim(text: string): Span {
  return { text, style: "dim" };
}
