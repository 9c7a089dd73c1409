import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BuildEvent } from "../../model/events.ts";
import { createReporter, type ReporterOptions } from "./progress.ts";
import type { Reporter } from "./reporter.ts";
import { displayWidth } from "./text.ts";

class FakeTerminal extends PassThrough {
  readonly isTTY: boolean;
  columns = 60;
  rows = 20;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  text(): string {
    return String(this.read() ?? "");
  }
}

const atMs = 0;
const EVENTS: BuildEvent[] = [
  { type: "started", step: "resolve", title: "Resolve packages", atMs },
  { type: "log", step: "resolve", level: "info", message: "hello \x1b[2J", atMs },
  { type: "log", step: "resolve", level: "warning", message: "beware", atMs },
  { type: "progress", step: "resolve", done: 3, total: 9, unit: "packages", item: "libc6", atMs },
  { type: "finished", step: "resolve", seconds: 1.25, atMs },
  { type: "cached", step: "convert", title: "Convert", key: "k", atMs },
];
const ENV = { TERM: "xterm", LANG: "C.UTF-8", NO_COLOR: "1" };

function open(mode: ReporterOptions["mode"], isTTY: boolean, env = ENV): [Reporter, FakeTerminal] {
  const stream = new FakeTerminal(isTTY);
  return [createReporter({ mode, stream, env }), stream];
}

function show(mode: ReporterOptions["mode"], isTTY: boolean, env = ENV): string {
  const [reporter, stream] = open(mode, isTTY, env);
  for (const event of EVENTS) reporter.sink(event);
  reporter.close();
  return stream.text();
}

/** What a terminal shows after a single frame: the text without its erase and cursor sequences. */
function visible(text: string): string[] {
  return text.replace(/\x1b\[[\d?;]*[A-Za-z]/g, "").split("\n");
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("createReporter", () => {
  it("writes each event as a line of JSON", () => {
    const lines = show("json", false).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(EVENTS);
  });

  it("writes plain lines where there is no terminal", () => {
    expect(show("auto", false).split("\n")).toEqual([
      " 0:00  Resolve packages",
      " 0:00  warning: beware",
      " 0:00  Resolve packages: done in 1.3 s, 3 packages",
      " 0:00  Convert: cached",
      "",
    ]);
  });

  it("reports long steps every five seconds in plain lines", () => {
    const [reporter, stream] = open("auto", false);
    reporter.sink(EVENTS[0]!);
    for (let done = 1; done <= 12; done++) {
      vi.advanceTimersByTime(1000);
      reporter.sink({ type: "progress", step: "resolve", done, total: 100, unit: "packages", atMs });
    }
    expect(stream.text().trimEnd().split("\n").slice(1)).toEqual([
      " 0:05  Resolve packages: 5 / 100 packages, 1.0/s, 1m 35s left",
      " 0:10  Resolve packages: 10 / 100 packages, 1.0/s, 1m 30s left",
    ]);
  });

  it("writes plain lines without colours on a dumb terminal", () => {
    expect(show("auto", true, { ...ENV, TERM: "dumb" })).not.toContain("\x1b");
  });

  it("writes nothing but warnings when quiet", () => {
    expect(show("quiet", true)).toBe("warning: beware\n");
  });

  it("adds escaped log lines when verbose", () => {
    expect(show("verbose", false)).toContain("resolve: hello \\x1b[2J");
    expect(visible(show("verbose", true))).toContain("  resolve  hello \\x1b[2J");
  });

  it("leaves finished steps on the terminal and shows the cursor again", () => {
    const text = show("auto", true);
    expect(visible(text)).toEqual([
      "! beware",
      "✓ Resolve packages          1.3 s  3 packages",
      "✓ Convert                  cached",
      "",
    ]);
    expect(text.lastIndexOf("\x1b[?25h")).toBeGreaterThan(text.lastIndexOf("\x1b[?25l"));
  });

  it("redraws ten times a second at most, and no line is wider than the terminal", () => {
    const [reporter, stream] = open("auto", true);
    reporter.sink({ type: "started", step: "install", title: "Install ".repeat(20), atMs });
    vi.advanceTimersByTime(100);
    stream.read();
    for (let done = 0; done < 1000; done++) {
      reporter.sink({
        type: "progress",
        step: "install",
        done,
        total: 1000,
        unit: "bytes",
        item: "x".repeat(99),
        atMs,
      });
    }
    vi.advanceTimersByTime(1000);
    const frames = stream.text().split("\x1b[1A\r").slice(1);
    expect(frames.length).toBe(10);
    for (const frame of frames) expect(displayWidth(visible(frame)[0]!)).toBeLessThan(60);
    reporter.close();
  });

  it("marks what still ran when it was closed", () => {
    const [reporter, stream] = open("auto", true);
    reporter.sink(EVENTS[0]!);
    reporter.close();
    reporter.close();
    expect(visible(stream.text())[0]).toBe("– Resolve packages            0 s  stopped");
  });

  it("colours a pipe only when forced to", () => {
    expect(show("auto", false, { TERM: "xterm", LANG: "C", FORCE_COLOR: "1" } as never)).toContain("\x1b[");
  });
});
