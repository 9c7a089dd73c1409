import type { Database } from "./database.ts";

/** What happened, in the order in which it did. */
export interface StoredEvent {
  readonly id: number;
  readonly at: number;
  readonly type: "build" | "progress" | "step" | "log" | "image" | "removed" | "profile" | "machine" | "end";
  /** Id of the build, image, profile or machine. */
  readonly subject: string;
  /** Nothing where watchers get the subject itself, as it is then. */
  readonly data: Record<string, unknown> | undefined;
}

interface EventRow extends Omit<StoredEvent, "data"> {
  readonly data: string | null;
}

/** Adds an event, inside the transaction that makes it true. */
export function addEvent(
  database: Database,
  at: number,
  type: StoredEvent["type"],
  subject: string,
  data?: Record<string, unknown>,
): void {
  database.run(
    "INSERT INTO events (at, type, subject, data) VALUES (?, ?, ?, ?)",
    ...[at, type, subject, data ? JSON.stringify(data) : null],
  );
}

/** Events after one, the oldest first. */
export function eventsAfter(database: Database, id: number, subject: string | undefined, limit: number): StoredEvent[] {
  const rows =
    subject === undefined
      ? database.all<EventRow>("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", id, limit)
      : database.all<EventRow>(
          "SELECT * FROM events WHERE id > ? AND subject = ? ORDER BY id LIMIT ?",
          ...[id, subject, limit],
        );
  return rows.map(eventOf);
}

/** The event by which a build ended, if it has. */
export function endOf(database: Database, buildId: string): StoredEvent | undefined {
  const row = database.get<EventRow>("SELECT * FROM events WHERE subject = ? ORDER BY id DESC LIMIT 1", buildId);
  return row?.type === "end" ? eventOf(row) : undefined;
}

function eventOf(row: EventRow): StoredEvent {
  return { ...row, data: row.data === null ? undefined : JSON.parse(row.data) };
}

/** Ids of the first and the last event that are kept. */
export function eventRange(database: Database): { first: number; last: number } {
  const row = database.get("SELECT min(id) AS first, max(id) AS last FROM events");
  const counter = database.get("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?.seq;
  return { first: Number(row?.first ?? Number(counter ?? 0) + 1), last: Number(row?.last ?? counter ?? 0) };
}

/** Forgets events before a time. */
export function forgetEvents(database: Database, before: number): void {
  database.run("DELETE FROM events WHERE at < ?", before);
}
