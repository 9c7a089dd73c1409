import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "../store/database.ts";
import { endOf, eventRange, eventsAfter, type StoredEvent } from "../store/events.ts";
import { type Caller, isAlive } from "../store/sessions.ts";
import { findUser, type User } from "../store/users.ts";
import { DirectAnswer } from "./direct-answer.ts";
import { TooMany } from "./rate-limit.ts";

/** What a user gets of an event; nothing when it is not for them. It depends on their name and role alone. */
export type ShowEvent = (user: User) => { event: string; data: unknown } | undefined;
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
const MOST_AT_ONCE = 100;
/** So many streams are written to before somebody else's turn. */
const STREAMS_A_TURN = 50;
/** Further back than this, loading anew is quicker. */
const LONGEST_REPLAY = 5000;

interface Watcher {
  caller: Caller;
  readonly buildId: string | undefined;
  readonly to: ServerResponse;
  lastId: number;
}

/** Events as a stream gets them. */
interface Written {
  readonly bytes: Buffer;
  /** Whether nothing follows. */
  readonly isEnd: boolean;
}

const COMMENT = Buffer.from(": here\n\n");

/** Looks for new events a few times a second, once for all who watch: other processes write them. */
export function createEventFeed(database: Database, prepare: PrepareEvent): EventFeed {
  const watchers = new Set<Watcher>();
  /** Those who still get what they missed. */
  const replaying = new Set<Watcher>();
  let lastId = eventRange(database).last;
  let checkedAt = 0;
  let commentedAt = 0;

  const end = (watcher: Watcher) => {
    if (watchers.delete(watcher) || replaying.delete(watcher)) watcher.to.end();
  };
  const send = (watcher: Watcher, bytes: Buffer) => {
    const isOpen = watchers.has(watcher) || replaying.has(watcher);
    if (!isOpen || bytes.length === 0) return;
    if (watcher.to.writableLength < MOST_UNREAD_BYTES) return void watcher.to.write(bytes);
    end(watcher);
    watcher.to.destroy(); // what waits for it would wait for ever
  };
  const deliver = (watcher: Watcher, { bytes, isEnd }: Written, last: StoredEvent) => {
    watcher.lastId = last.id;
    send(watcher, bytes);
    if (isEnd) end(watcher);
  };
  const broadcast = async (events: readonly StoredEvent[]) => {
    const last = events.at(-1);
    if (!last) return;
    const shows = await Promise.all(events.map((event) => prepare(event)));
    const written = new Map<string, Written>();
    await inTurns(watchers, (watcher) => {
      if (watcher.lastId >= last.id) return;
      const { buildId, caller, lastId } = watcher;
      const first = events.findIndex(({ id }) => id > lastId);
      const key = JSON.stringify([first, buildId, caller.user.role, caller.user.name]);
      const known = written.get(key) ?? write(events.slice(first), shows.slice(first), watcher);
      written.set(key, known);
      deliver(watcher, known, last);
    });
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
    const events = eventsAfter(database, lastId, undefined, MOST_AT_ONCE);
    await broadcast(events);
    lastId = events.at(-1)?.id ?? lastId;
    if (now - commentedAt > COMMENT_MS) {
      commentedAt = now;
      await inTurns(watchers, (watcher) => send(watcher, COMMENT));
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
    if (isLost) send(watcher, Buffer.from("event: reset\ndata: {}\n\n"));
    watcher.lastId = from === undefined || isLost ? (watcher.buildId === undefined ? last : 0) : from;
    for (let isFirst = true; replaying.has(watcher); isFirst = false) {
      const missed = eventsAfter(database, watcher.lastId, watcher.buildId, MOST_AT_ONCE);
      if (missed.length === 0) {
        // Who comes back after the end hears it once more; nothing else would come, ever.
        const over = isFirst && watcher.buildId !== undefined ? endOf(database, watcher.buildId) : undefined;
        if (over && over.id <= watcher.lastId) {
          watcher.lastId = over.id - 1;
          return deliver(watcher, write([over], [await prepare(over)], watcher), over);
        }
        replaying.delete(watcher);
        watchers.add(watcher);
        return;
      }
      // How a build stood at some time is of no use: the last is the present.
      const present = isFirst ? missed.findLast(({ type }) => type === "build") : undefined;
      const wanted = missed.filter(
        (event) => watcher.buildId === undefined || !present || event.type !== "build" || event === present,
      );
      const shows = await Promise.all(wanted.map((event) => prepare(event)));
      deliver(watcher, write(wanted, shows, watcher), missed.at(-1) as StoredEvent);
    }
  };

  return {
    open(caller, from, buildId) {
      const all = [...watchers, ...replaying];
      const own = all.filter((watcher) => watcher.caller.user.name === caller.user.name).length;
      if (all.length >= MOST_STREAMS || own >= MOST_OF_A_CALLER) throw new TooMany("event streams", 30);
      const begin = (to: ServerResponse) => {
        const watcher = { caller, buildId, to, lastId: 0 };
        replaying.add(watcher);
        to.once("close", () => end(watcher));
        to.write("retry: 2000\n\n");
        replay(watcher, from).catch(() => end(watcher));
      };
      return new DirectAnswer(begin, {
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

/** Does something for each of many, with pauses in which others are served. */
async function inTurns<T>(many: ReadonlySet<T>, work: (one: T) => void): Promise<void> {
  let count = 0;
  for (const one of many) {
    work(one);
    if (++count % STREAMS_A_TURN === 0) await nextTurn();
  }
}

/** Writes those of some events that a stream is for, up to the end of its build. */
function write(
  events: readonly StoredEvent[],
  shows: readonly ShowEvent[],
  { buildId, caller }: Pick<Watcher, "buildId" | "caller">,
): Written {
  let text = "";
  for (const [index, event] of events.entries()) {
    if (buildId === undefined ? OF_BUILDS.has(event.type) : event.subject !== buildId) continue;
    const shown = shows[index]?.(caller.user);
    if (shown) text += `id: ${event.id}\nevent: ${shown.event}\ndata: ${JSON.stringify(shown.data)}\n\n`;
    if (event.type === "end" && buildId !== undefined) return { bytes: Buffer.from(text), isEnd: true };
  }
  return { bytes: Buffer.from(text), isEnd: false };
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
