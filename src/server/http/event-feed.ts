import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "../store/database.ts";
import { endOf, eventRange, eventsAfter, type StoredEvent } from "../store/events.ts";
import { type Caller, isAlive } from "../store/sessions.ts";
import { findUser, type User } from "../store/users.ts";
import { TooMany } from "./rate-limit.ts";

/** What a watcher gets of an event; nothing when it is not for them. */
export type ShowEvent = (caller: Caller) => { event: string; data: unknown } | undefined;
/** Reads what an event is about, once for all who watch. */
export type PrepareEvent = (event: StoredEvent) => Promise<ShowEvent>;

/** Sends events to those who watch. */
export interface EventFeed {
  /**
   * Opens a stream for a caller: of one build, or of all that they may see.
   *
   * @param lastId where an earlier stream was cut off
   */
  open(caller: Caller, lastId: number | undefined, buildId: string | undefined): Response;
  /** Ends the streams of callers whose session or token is no more. */
  endDead(): void;
  count(): number;
  close(): void;
}

const POLL_MS = 150;
const COMMENT_MS = 15_000;
const ALIVE_MS = 2000;
const MOST_STREAMS = 4096;
const MOST_OF_A_CALLER = 1100;
/** Who reads so slowly is cut off; with Last-Event-ID nothing is lost. */
const MOST_UNREAD_BYTES = 512 * 1024;
const MOST_AT_ONCE = 500;
/** Further back than this, loading anew is quicker. */
const LONGEST_REPLAY = 5000;

interface Watcher {
  caller: Caller;
  readonly buildId: string | undefined;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  lastId: number;
}

const encoder = new TextEncoder();

/** Looks for new events a few times a second, once for all who watch: other processes write them. */
export function createEventFeed(database: Database, prepare: PrepareEvent): EventFeed {
  const watchers = new Set<Watcher>();
  /** Those who still get what they missed. */
  const replaying = new Set<Watcher>();
  let lastId = eventRange(database).last;
  let checkedAt = 0;
  let commentedAt = 0;

  const end = (watcher: Watcher) => {
    if (!watchers.delete(watcher) && !replaying.delete(watcher)) return;
    try {
      watcher.controller.close();
    } catch {
      // its reader has gone
    }
  };
  const send = (watcher: Watcher, text: string) => {
    if ((watcher.controller.desiredSize ?? 0) <= 0) return end(watcher);
    watcher.controller.enqueue(encoder.encode(text));
  };
  const deliver = (watcher: Watcher, event: StoredEvent, show: ShowEvent) => {
    if (event.id <= watcher.lastId) return;
    watcher.lastId = event.id;
    if (watcher.buildId === undefined ? OF_BUILDS.has(event.type) : event.subject !== watcher.buildId) return;
    const shown = show(watcher.caller);
    if (shown) send(watcher, `id: ${event.id}\nevent: ${shown.event}\ndata: ${JSON.stringify(shown.data)}\n\n`);
    if (event.type === "end" && watcher.buildId !== undefined) end(watcher);
  };
  const endDead = () => {
    const users = new Map<string, User | undefined>();
    for (const watcher of [...watchers, ...replaying]) {
      const { credential, user } = watcher.caller;
      if (!users.has(credential))
        users.set(credential, isAlive(database, credential) ? findUser(database, user.name) : undefined);
      const now = users.get(credential);
      if (!now) end(watcher);
      else watcher.caller = { ...watcher.caller, user: now }; // with another role they see other things
    }
  };
  const tick = async () => {
    if (watchers.size === 0) {
      lastId = eventRange(database).last;
      return;
    }
    const now = Date.now();
    if (now - checkedAt > ALIVE_MS) {
      checkedAt = now;
      endDead();
    }
    for (const event of eventsAfter(database, lastId, undefined, MOST_AT_ONCE)) {
      lastId = event.id;
      const show = await prepare(event);
      for (const watcher of watchers) deliver(watcher, event, show);
    }
    if (now - commentedAt > COMMENT_MS) {
      commentedAt = now;
      for (const watcher of watchers) send(watcher, ": here\n\n");
    }
  };
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      await tick();
    } catch (error) {
      // A database that is in use or full for a while: the next time.
      process.stderr.write(`events: ${error instanceof Error ? error.message : error}\n`);
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => {
    void look();
  }, POLL_MS);

  const replay = async (watcher: Watcher, from: number | undefined) => {
    const { first, last } = eventRange(database);
    const isLost = from !== undefined && (from + 1 < first || last - from > LONGEST_REPLAY || from > last);
    if (isLost) send(watcher, "event: reset\ndata: {}\n\n");
    watcher.lastId = from === undefined || isLost ? (watcher.buildId === undefined ? last : 0) : from;
    for (let isFirst = true; replaying.has(watcher); isFirst = false) {
      const missed = eventsAfter(database, watcher.lastId, watcher.buildId, MOST_AT_ONCE);
      if (missed.length === 0) {
        // Who comes back after the end hears it once more; nothing else would come, ever.
        const over = isFirst && watcher.buildId !== undefined ? endOf(database, watcher.buildId) : undefined;
        if (over && over.id <= watcher.lastId) {
          watcher.lastId = over.id - 1;
          return deliver(watcher, over, await prepare(over));
        }
        replaying.delete(watcher);
        watchers.add(watcher);
        return;
      }
      // How a build stood at some time is of no use: the last is the present.
      const present = isFirst ? missed.findLast(({ type }) => type === "build") : undefined;
      for (const event of missed) {
        if (watcher.buildId !== undefined && present && event.type === "build" && event !== present) continue;
        deliver(watcher, event, await prepare(event));
      }
    }
  };

  return {
    open(caller, from, buildId) {
      const all = [...watchers, ...replaying];
      const own = all.filter((watcher) => watcher.caller.user.name === caller.user.name).length;
      if (all.length >= MOST_STREAMS || own >= MOST_OF_A_CALLER) throw new TooMany("event streams", 30);
      let watcher: Watcher | undefined;
      const stream = new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const opened = { caller, buildId, controller, lastId: 0 };
            watcher = opened;
            replaying.add(opened);
            controller.enqueue(encoder.encode("retry: 2000\n\n"));
            replay(opened, from).catch(() => end(opened));
          },
          cancel() {
            if (watcher) end(watcher);
          },
        },
        { highWaterMark: MOST_UNREAD_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
      );
      return new Response(stream, {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
      });
    },
    endDead,
    count: () => watchers.size + replaying.size,
    close() {
      clearInterval(timer);
      for (const watcher of [...watchers, ...replaying]) end(watcher);
    },
  };
}

/** Only who watches a build gets these. */
const OF_BUILDS: ReadonlySet<string> = new Set(["step", "log", "end"]);

/** Reads the header by which a browser goes on where it was cut off. @throws usage */
export function lastEventId(headers: Headers): number | undefined {
  const text = headers.get("last-event-id");
  if (text === null || text === "") return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new VmbuilderError("usage", "Last-Event-ID is no id of an event");
}
