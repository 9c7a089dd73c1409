import type { Database } from "./database.ts";

/** Something that somebody did. */
export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  readonly user: string | null;
  readonly action: string;
  readonly target: string;
  readonly address: string | null;
  readonly detail: string | null;
}

/** Writes down what somebody did. */
export function recordAction(database: Database, entry: Omit<AuditEntry, "id" | "at">): void {
  database.run(
    "INSERT INTO audit (at, user, action, target, address, detail) VALUES (?, ?, ?, ?, ?, ?)",
    ...[Date.now(), entry.user, entry.action, entry.target, entry.address, entry.detail],
  );
}

/** What was done, the newest first. */
export function listActions(database: Database, before: number | undefined, limit: number): AuditEntry[] {
  return database.all<AuditEntry>(
    "SELECT * FROM audit WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
    ...[before ?? null, limit],
  );
}
