import { VmbuilderError } from "../model/errors.ts";
import type { EventSink, StepName } from "../model/events.ts";
import type { Cache } from "./cache.ts";

/** What every stage gets beside its input: where to tell, when to stop, where to keep. Nothing in it changes. */
export interface BuildContext {
  readonly emit: EventSink;
  readonly signal: AbortSignal;
  readonly cache: Cache;
  /** Folder for this build alone, removed when it ends. */
  readonly workDirectory: string;
  /** Likewise, on the cache's file system: for what is moved into the cache. Often the same folder. */
  readonly arrivalDirectory: string;
  /** The moment that a reproducible build is made for: whatever depends on time or chance follows from its input alone. */
  readonly epochSeconds?: number | undefined;
}

/** Environment of programs that are to write this moment in the place of now. */
export function epochEnvironment({ epochSeconds }: Pick<BuildContext, "epochSeconds">): Record<string, string> {
  if (epochSeconds === undefined) return {};
  return { SOURCE_DATE_EPOCH: String(epochSeconds), E2FSPROGS_FAKE_TIME: String(epochSeconds), TZ: "UTC" };
}

/** Runs a step and tells of its start, its end and its failure. */
export async function runStep<T>(
  context: Pick<BuildContext, "emit" | "signal">,
  step: StepName,
  title: string,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  context.signal.throwIfAborted();
  context.emit({ type: "started", step, title, atMs: Date.now() });
  try {
    const result = await work();
    context.emit({ type: "finished", step, seconds: (performance.now() - startedAt) / 1000, atMs: Date.now() });
    return result;
  } catch (error) {
    const known = error instanceof VmbuilderError ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    context.emit({
      type: "failed",
      step,
      code: known?.code ?? "unknown",
      message,
      ...(known?.hint ? { hint: known.hint } : {}),
      atMs: Date.now(),
    });
    throw error;
  }
}

/** Tells something worth reading beside the steps. */
export function logLine(
  context: Pick<BuildContext, "emit">,
  step: StepName,
  level: "debug" | "info" | "warning",
  message: string,
): void {
  context.emit({ type: "log", step, level, message, atMs: Date.now() });
}
