import { type BuildEvent, STAGES, type Stage } from "../../model/events.ts";
import type { JobProgress, JobStep } from "./job.ts";

/** What part of the time stages take when nothing is cached. */
const WEIGHTS: Readonly<Record<Stage, number>> = {
  check: 0.01,
  resolve: 0.09,
  install: 0.7,
  assemble: 0.12,
  convert: 0.06,
  deploy: 0.02,
};
/** Within the stage that takes longest, what part has been done when a part of it is done. */
const PARTS: Readonly<Record<string, number>> = {
  "install/download": 0.15,
  "install/unpack": 0.35,
  "install/configure": 0.5,
};

/** A build's way, as its events tell it. */
export interface ProgressTracker {
  /** @returns true when steps began or ended */
  take(event: BuildEvent): boolean;
  steps(): JobStep[];
  progress(): JobProgress | undefined;
}

/**
 * Turns events into steps and a fraction that never goes back.
 *
 * @param expectedSeconds what like builds took, if that is known
 */
export function trackProgress(expectedSeconds: number | undefined, now: () => number = Date.now): ProgressTracker {
  const startedAt = now();
  const steps = new Map<string, JobStep>();
  const parts = new Map<string, number>();
  const done = new Set<Stage>();
  const rates = new Map<string, { atMs: number; done: number }>();
  let reached = 0;
  let latest: (BuildEvent & { type: "progress" }) | undefined;

  const fraction = (): number => {
    const running = STAGES.map((stage) => WEIGHTS[stage] * (done.has(stage) ? 1 : partsOf(stage, parts)));
    const counted = Math.min(
      0.99,
      running.reduce((sum, part) => sum + part, 0),
    );
    const timed = expectedSeconds === undefined ? counted : (now() - startedAt) / 1000 / expectedSeconds;
    reached = Math.max(reached, Math.min(0.99, expectedSeconds === undefined ? counted : (counted + timed) / 2));
    return reached;
  };

  return {
    take(event) {
      if (event.type === "log") return false;
      const known = steps.get(event.step);
      if (event.type === "progress") {
        latest = event;
        parts.set(event.step, event.total > 0 ? event.done / event.total : 0);
        if (!rates.has(event.step)) rates.set(event.step, { atMs: event.atMs, done: event.done });
        return false;
      }
      const title = known?.title ?? ("title" in event ? event.title : event.step);
      const state = ({ started: "running", cached: "cached", finished: "done", failed: "failed" } as const)[event.type];
      const seconds = event.type === "finished" ? Number(event.seconds.toFixed(3)) : null;
      steps.set(event.step, { step: event.step, title, state, seconds });
      if (state === "done" || state === "cached") {
        parts.set(event.step, 1);
        if (isStage(event.step)) passed(event.step, done);
      }
      return true;
    },
    steps: () => [...steps.values()],
    progress() {
      const current = [...steps.values()].findLast(({ state }) => state === "running");
      if (!current) return undefined;
      const own = latest && steps.get(latest.step)?.state === "running" ? latest : undefined;
      const shown = own ? (steps.get(own.step) ?? current) : current;
      const value = fraction();
      const seconds = (now() - startedAt) / 1000;
      const left = value > 0.05 ? (seconds / value) * (1 - value) : expectedSeconds;
      return {
        fraction: Number(value.toFixed(4)),
        step: shown.step,
        title: shown.title,
        done: own?.done ?? null,
        total: own?.total ?? null,
        unit: own?.unit ?? null,
        perSecond: own ? rateOf(own, rates.get(own.step)) : null,
        secondsLeft: left === undefined ? null : Math.max(1, Math.round(left)),
      };
    },
  };
}

/** Stages begin in order: when one is done, so are those before it. */
function passed(stage: Stage, done: Set<Stage>): void {
  for (const one of STAGES.slice(0, STAGES.indexOf(stage) + 1)) done.add(one);
}

function partsOf(stage: Stage, parts: ReadonlyMap<string, number>): number {
  const known = Object.entries(PARTS).filter(([step]) => step.startsWith(`${stage}/`));
  return known.reduce((sum, [step, weight]) => sum + weight * (parts.get(step) ?? 0), 0);
}

function rateOf(
  { atMs, done }: { atMs: number; done: number },
  first: { atMs: number; done: number } | undefined,
): number | null {
  const seconds = first ? (atMs - first.atMs) / 1000 : 0;
  return first && seconds >= 0.5 ? Math.round((done - first.done) / seconds) : null;
}

function isStage(step: string): step is Stage {
  return (STAGES as readonly string[]).includes(step);
}
