import type { Database } from "./database.ts";
import { hashSecret, makeId, makeSecret } from "./secrets.ts";
import { findUser, type User } from "./users.ts";

/** Who asks, and by what. */
export interface Caller {
  readonly user: User;
  /** Set when a cookie says it; a token has none. */
  readonly session?:
    | { readonly hash: string; readonly csrfToken: string; readonly expiresAt: number; readonly isOidc: boolean }
    | undefined;
  /** What a stream of this caller depends on: a session or a token. */
  readonly credential: string;
}

const IDLE_MS = 12 * 3_600_000;
const LONGEST_MS = 7 * 86_400_000;
/** How exactly the last use is known. */
const TOUCH_MS = 60_000;

interface SessionRow {
  hash: string;
  user: string;
  csrfToken: string;
  createdAt: number;
  usedAt: number;
  isOidc: number;
}

/** Begins a session. @returns its secret, for the cookie */
export function beginSession(database: Database, user: string, isOidc = false): string {
  const secret = makeSecret();
  const now = Date.now();
  database.run(
    "INSERT INTO sessions (hash, user, csrfToken, createdAt, usedAt, isOidc) VALUES (?, ?, ?, ?, ?, ?)",
    ...[hashSecret(secret), user, makeSecret(), now, now, Number(isOidc)],
  );
  database.run("UPDATE users SET seenAt = ? WHERE name = ?", now, user);
  database.run("DELETE FROM sessions WHERE usedAt < ? OR createdAt < ?", now - IDLE_MS, now - LONGEST_MS);
  return secret;
}

/** Finds whose session a cookie names. */
export function sessionCaller(database: Database, secret: string): Caller | undefined {
  const row = database.get<SessionRow>("SELECT * FROM sessions WHERE hash = ?", hashSecret(secret));
  const now = Date.now();
  if (!row || row.usedAt < now - IDLE_MS || row.createdAt < now - LONGEST_MS) return undefined;
  const user = findUser(database, row.user);
  if (!user || user.isDisabled) return undefined;
  if (row.usedAt < now - TOUCH_MS) {
    database.run("UPDATE sessions SET usedAt = ? WHERE hash = ?", now, row.hash);
    database.run("UPDATE users SET seenAt = ? WHERE name = ?", now, user.name);
  }
  const expiresAt = Math.min(now + IDLE_MS, row.createdAt + LONGEST_MS);
  const session = { hash: row.hash, csrfToken: row.csrfToken, expiresAt, isOidc: row.isOidc === 1 };
  return { user, session, credential: row.hash };
}

/** Ends a session. */
export function endSession(database: Database, hash: string): void {
  database.run("DELETE FROM sessions WHERE hash = ?", hash);
}

/** A token as its owner sees it. */
export interface Token {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly usedAt: number | null;
}

/** Makes a token. @returns with its secret, which is not kept */
export function addToken(
  database: Database,
  user: string,
  name: string,
  expiresAt: number | null,
): Token & { readonly secret: string } {
  const [id, secret, createdAt] = [makeId(), `vmb_${makeSecret()}`, Date.now()];
  database.run(
    "INSERT INTO tokens (id, hash, user, name, createdAt, expiresAt) VALUES (?, ?, ?, ?, ?, ?)",
    ...[id, hashSecret(secret), user, name, createdAt, expiresAt],
  );
  return { id, name, createdAt, expiresAt, usedAt: null, secret };
}

/** The tokens of a user, the newest first. */
export function listTokens(database: Database, user: string): Token[] {
  return database.all<Token>(
    "SELECT id, name, createdAt, expiresAt, usedAt FROM tokens WHERE user = ? ORDER BY createdAt DESC",
    user,
  );
}

/** @returns false when the user has no such token */
export function removeToken(database: Database, user: string, id: string): boolean {
  return database.run("DELETE FROM tokens WHERE user = ? AND id = ?", user, id) > 0;
}

/** Finds whose token it is. */
export function tokenCaller(database: Database, secret: string): Caller | undefined {
  const hash = hashSecret(secret);
  const row = database.get<{ user: string; expiresAt: number | null; usedAt: number | null }>(
    "SELECT user, expiresAt, usedAt FROM tokens WHERE hash = ?",
    hash,
  );
  const now = Date.now();
  if (!row || (row.expiresAt !== null && row.expiresAt < now)) return undefined;
  const user = findUser(database, row.user);
  if (!user || user.isDisabled) return undefined;
  if ((row.usedAt ?? 0) < now - TOUCH_MS) {
    database.run("UPDATE tokens SET usedAt = ? WHERE hash = ?", now, hash);
    database.run("UPDATE users SET seenAt = ? WHERE name = ?", now, user.name);
  }
  return { user, credential: hash };
}

/** The user to whom a credential still gives access; undefined after its end. */
export function isAlive(database: Database, credential: string): boolean {
  const now = Date.now();
  const row = database.get(
    `SELECT 1 AS alive FROM users WHERE NOT isDisabled AND name IN (
       SELECT user FROM sessions WHERE hash = ?1 AND createdAt > ?2
       UNION SELECT user FROM tokens WHERE hash = ?1 AND (expiresAt IS NULL OR expiresAt > ?3))`,
    ...[credential, now - LONGEST_MS, now],
  );
  return row !== undefined;
}
