import { describe, expect, it } from "vitest";
import type { BuildEvent } from "./events.ts";
import { stepBlocks } from "./step-blocks.ts";
import { applyEvent, progressRate, remainingSeconds, type StepBoard } from "./step-board.ts";

const atMs = 0;
const started = (step: BuildEvent["step"]): BuildEvent => ({ type: "started", step, title: step, atMs });
const finished = (step: BuildEvent["step"]): BuildEvent => ({ type: "finished", step, seconds: 2, atMs });
const progress = (done: number): BuildEvent => ({
  type: "progress",
  step: "install/download",
  done,
  total: 100,
  unit: "bytes",
  atMs,
});

function play(...events: [nowMs: number, event: BuildEvent][]): StepBoard {
  return events.reduce<StepBoard>((board, [nowMs, event]) => applyEvent(board, event, nowMs), new Map());
}

describe("applyEvent", () => {
  it("measures speed over the last seconds and lets it fall in a stall", () => {
    const board = play([0, started("install/download")], [0, progress(0)], [1000, progress(20)], [2000, progress(40)]);
    const state = board.get("install/download")!;
    expect(progressRate(state, 2000)).toBe(20);
    expect(remainingSeconds(state, 2000)).toBe(3);
    expect(progressRate(state, 8000)).toBe(5);
  });

  it("doesn't count what was there at the start as speed", () => {
    const board = play([0, started("install/download")], [0, progress(50)], [1000, progress(60)]);
    expect(progressRate(board.get("install/download")!, 1000)).toBe(10);
  });

  it("keeps a step cached when it also says that it finished", () => {
    const cached: BuildEvent = { type: "cached", step: "convert", title: "Convert", key: "k", atMs };
    expect(play([0, cached], [0, finished("convert")]).get("convert")?.status).toBe("cached");
  });

  it("makes titles and items safe to print", () => {
    const event: BuildEvent = { type: "started", step: "check", title: "a\x1b[2J", atMs };
    expect(play([0, event]).get("check")?.title).toBe("a\\x1b[2J");
  });
});

describe("stepBlocks", () => {
  it("holds a stage's parts together until all have ended", () => {
    const board = play([0, started("install")], [0, started("install/download")], [0, started("assemble")]);
    const shape = (on: StepBoard): unknown[] =>
      stepBlocks(on, new Set()).map(({ rows, complete }) => [rows.map(({ state }) => state.step), complete]);
    expect(shape(board)).toEqual([
      [["install", "install/download"], false],
      [["assemble"], false],
    ]);
    const later = applyEvent(applyEvent(board, finished("install/download"), 1), finished("install"), 1);
    expect(shape(later)[0]).toEqual([["install", "install/download"], true]);
  });

  it("shows a part on its own where its stage is no step", () => {
    const board = play([0, started("install/download")]);
    expect(stepBlocks(board, new Set())[0]?.rows[0]?.depth).toBe(0);
  });
});
