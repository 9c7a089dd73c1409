import type { BuildEvent, StepName } from "../../model/events.ts";
import { type StepBlock, stepBlocks } from "../../model/step-blocks.ts";
import { applyEvent, type StepBoard } from "../../model/step-board.ts";
import type { Paint } from "./color.ts";
import type { Glyphs } from "./glyphs.ts";
import { paintLine } from "./line.ts";
import { createLiveRegion } from "./live-region.ts";
import { logLines } from "./log-lines.ts";
import type { Reporter, ReporterStream } from "./reporter.ts";
import { type Frame, stepLine, stoppedLine, titleColumnsFor } from "./step-line.ts";

/** What the live display needs. */
export interface LiveDisplayOptions {
  readonly stream: ReporterStream;
  readonly paint: Paint;
  readonly glyphs: Glyphs;
  readonly verbose: boolean;
}

/** Ten frames a second are calm, and enough for a spinner. */
const FRAME_MS = 100;
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

/**
 * Draws a build on a terminal. Steps that run, with all that belongs to their stage, are redrawn in place at the
 * bottom; what is finished, and warnings, scroll away above and are never touched again.
 */
export function createLiveDisplay({ stream, paint, glyphs, verbose }: LiveDisplayOptions): Reporter {
  const region = createLiveRegion(stream);
  const printed = new Set<StepName>();
  let board: StepBoard = new Map();
  let logs: string[] = [];

  // One column stays free: a terminal that wraps at the last one would count the line twice.
  const columns = (): number => Math.max(1, (stream.columns || DEFAULT_COLUMNS) - 1);
  const draw = (closing: boolean): void => {
    const frame: Frame = {
      columns: columns(),
      titleColumns: titleColumnsFor(columns()),
      nowMs: Date.now(),
      glyphs,
    };
    const paintRow = ({ state, depth }: StepBlock["rows"][number]): string => {
      const layOut = closing && state.status === "running" ? stoppedLine : stepLine;
      return paintLine(layOut(state, depth, frame), frame.columns, paint, glyphs.ellipsis);
    };
    const blocks = stepBlocks(board, printed);
    const running = blocks.findIndex(({ complete }) => !complete);
    const final = blocks.slice(0, closing || running === -1 ? blocks.length : running).flatMap(({ rows }) => rows);
    for (const { state } of final) printed.add(state.step);
    const live = fitRows(blocks.flatMap(({ rows }) => rows).slice(final.length), (stream.rows || DEFAULT_ROWS) - 1);
    region.draw([...logs, ...final.map(paintRow)], live.map(paintRow));
    logs = [];
  };

  const timer = setInterval(() => draw(false), FRAME_MS);
  timer.unref();
  const onResize = (): void => region.forgetWidth();
  stream.on("resize", onResize);
  let closed = false;

  return {
    sink(event: BuildEvent) {
      if (closed) return;
      if (event.type === "log") {
        if (verbose || event.level === "warning") logs.push(...logLines(event, columns(), paint, glyphs));
        return;
      }
      if (event.type === "started") printed.delete(event.step);
      board = applyEvent(board, event, Date.now());
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      stream.removeListener("resize", onResize);
      draw(true);
      region.close();
    },
  };
}

/** On a low terminal what runs is shown before what has ended. */
function fitRows(rows: StepBlock["rows"], most: number): StepBlock["rows"] {
  if (rows.length <= most) return rows;
  return rows.filter(({ state }) => state.status === "running").slice(0, Math.max(0, most));
}
