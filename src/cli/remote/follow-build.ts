import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../../model/errors.ts";
import type { EventSink, ProgressUnit, StepName } from "../../model/events.ts";
import type { ServerClient } from "./client.ts";

/** What is used of a build, as the server tells of it. */
export interface RemoteBuild {
  readonly id: string;
  readonly name: string;
  readonly state: "queued" | "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  readonly position: number | null;
  readonly seconds: number | null;
  readonly error: { code: string; message: string; hint: string | null; detail: string | null } | null;
  readonly imageId: string | null;
}

interface Step {
  readonly step: StepName;
  readonly title: string;
  readonly state: "running" | "done" | "cached" | "failed";
  readonly seconds: number | null;
}

interface Progress {
  readonly step: StepName;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: ProgressUnit | null;
}

const RETRY_MS = 1000;
/** So long, a server may be gone: builds go on without it, or begin anew. */
const LONGEST_SILENCE_MS = 5 * 60_000;

/**
 * Passes a build's events on until its end. A connection that was cut goes on after the last event.
 *
 * @throws server-unreachable when it stays cut
 */
export async function followBuild(
  id: string,
  client: ServerClient,
  emit: EventSink,
  signal: AbortSignal,
): Promise<RemoteBuild> {
  const path = `builds/${encodeURIComponent(id)}`;
  let lastId: string | undefined;
  let heardAt = Date.now();
  for (let isOver = false; !isOver; ) {
    signal.throwIfAborted();
    try {
      const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
      const stream = await client.fetch(`${path}/events`, { headers });
      for await (const event of eventsOf(stream)) {
        heardAt = Date.now();
        lastId = event.id ?? lastId;
        pass(event.type, event.data, emit);
        isOver ||= event.type === "end";
      }
    } catch (error) {
      signal.throwIfAborted();
      const isLost = !(error instanceof VmbuilderError) || error.code === "server-unreachable";
      if (!isLost || Date.now() - heardAt > LONGEST_SILENCE_MS) throw error;
    }
    if (!isOver) await delay(RETRY_MS, undefined, { signal });
  }
  return client.ask<RemoteBuild>("GET", path);
}

/** The server's events are those of a build here, in its own words. */
function pass(type: string, data: unknown, emit: EventSink): void {
  const atMs = Date.now();
  if (type === "log") {
    const { step, level, message } = data as { step: StepName; level: "debug" | "info" | "warning"; message: string };
    emit({ type: "log", step, level, message, atMs });
  } else if (type === "progress") {
    const { step, done, total, unit } = (data as { progress: Progress }).progress;
    if (done !== null && total !== null && unit !== null) emit({ type: "progress", step, done, total, unit, atMs });
  } else if (type === "step") {
    const { step, title, state, seconds } = data as Step;
    if (state === "running") emit({ type: "started", step, title, atMs });
    else if (state === "cached") emit({ type: "cached", step, title, key: "", atMs });
    else if (state === "done") emit({ type: "finished", step, seconds: seconds ?? 0, atMs });
    else emit({ type: "failed", step, code: "command-failed", message: title, atMs });
  }
}

/** @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
async function* eventsOf(stream: Response): AsyncGenerator<{ id?: string; type: string; data: unknown }> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2)));
      if (fields.event === undefined || fields.data === undefined) continue;
      yield { ...(fields.id ? { id: fields.id } : {}), type: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
