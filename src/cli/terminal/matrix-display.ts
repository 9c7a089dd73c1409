import { formatSeconds, formatWholeSeconds } from "../../model/duration.ts";
import type { VmbuilderError } from "../../model/errors.ts";
import type { BuildEvent, EventSink } from "../../model/events.ts";
import { createPaint, type Paint, wantsColor } from "./color.ts";
import { chooseGlyphs, type Glyphs } from "./glyphs.ts";
import { writeJsonLine } from "./json-lines.ts";
import { createLiveRegion } from "./live-region.ts";
import { displayWidth, padRight, printableLines, truncate } from "./text.ts";

/** Shows the builds of a matrix while they run: a line for each, or `--json`'s lines tagged by cell. */
export interface MatrixDisplay {
  /** Where the events of a cell go. */
  sinkOf(index: number): EventSink;
  finish(index: number, outcome: { readonly seconds: number } | VmbuilderError): void;
  close(): void;
}

interface Line {
  readonly label: string;
  title: string;
  startedAtMs: number | undefined;
}

const FRAME_MS = 100;

/** Makes the display for a terminal, a log or `--json`. */
export function createMatrixDisplay(
  labels: readonly string[],
  { json, quiet }: { readonly json?: boolean | undefined; readonly quiet?: boolean | undefined },
): MatrixDisplay {
  if (json) return jsonDisplay(labels);
  const stream = process.stderr;
  const paint = createPaint(wantsColor(stream, process.env));
  const glyphs = chooseGlyphs(process.env);
  const columns = Math.max(...labels.map(displayWidth));
  const lines = labels.map((label): Line => ({ label: padRight(label, columns), title: "", startedAtMs: undefined }));
  const region = stream.isTTY && !quiet ? createLiveRegion(stream) : undefined;
  const above: string[] = [];
  const draw = () => {
    const running = lines.filter(({ startedAtMs }) => startedAtMs !== undefined);
    region?.draw(
      above.splice(0),
      running.map((line) => runningLine(line, paint, glyphs, stream.columns)),
    );
  };
  const say = (text: string) => {
    if (region) above.push(text);
    else stream.write(`${text}\n`);
  };
  const timer = region && setInterval(draw, FRAME_MS).unref();
  const onResize = () => region?.forgetWidth();
  stream.on("resize", onResize);
  return {
    sinkOf: (index) => (event) => {
      const line = lines[index];
      if (!line) return;
      line.startedAtMs ??= Date.now();
      if (event.type === "log" && event.level === "warning")
        say(`${paint("yellow", glyphs.warning)} ${line.label}  ${printableLines(event.message).join(" ")}`);
      if (event.type !== "started") return;
      line.title = event.title;
      if (!region && !quiet && isStage(event)) say(`  ${line.label}  ${event.title}`);
    },
    finish: (index, outcome) => {
      const line = lines[index];
      if (!line) return;
      line.startedAtMs = undefined;
      if ("code" in outcome)
        say(`${paint("red", glyphs.failed)} ${line.label}  ${printableLines(outcome.message).join(" ")}`);
      else if (!quiet) say(`${paint("green", glyphs.done)} ${line.label}  ready in ${formatSeconds(outcome.seconds)}`);
      draw();
    },
    close: () => {
      clearInterval(timer);
      stream.off("resize", onResize);
      for (const line of lines) line.startedAtMs = undefined;
      draw();
      region?.close();
    },
  };
}

function isStage({ step }: BuildEvent): boolean {
  return !step.includes("/");
}

function runningLine({ label, title, startedAtMs = 0 }: Line, paint: Paint, glyphs: Glyphs, columns = 80): string {
  const signs = glyphs.spinner;
  const sign = signs[Math.floor(Date.now() / FRAME_MS) % signs.length] ?? "";
  const time = formatWholeSeconds((Date.now() - startedAtMs) / 1000);
  const text = truncate(`${label}  ${title}`, Math.max(1, columns - 4 - time.length - 1));
  return `${paint("cyan", sign)} ${text}  ${paint("dim", time)}`;
}

function jsonDisplay(labels: readonly string[]): MatrixDisplay {
  return {
    sinkOf: (index) => (event) => writeJsonLine(process.stdout, { cell: labels[index], ...event }),
    finish: () => {},
    close: () => {},
  };
}
