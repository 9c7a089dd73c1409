import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "./database.ts";
import { hashSecret, makeSecret } from "./secrets.ts";

/** What users may do, the least first. */
export const ROLES = ["viewer", "builder", "admin"] as const;
/** A role of {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/** How much of the server a user may take. */
export interface Quota {
  readonly diskBytes: number;
  readonly activeBuilds: number;
  readonly images: number;
  readonly machines: number;
}

/** Somebody who may log in. */
export interface User {
  readonly name: string;
  readonly role: Role;
  readonly password: string | null;
  readonly isDisabled: boolean;
  readonly quota: Quota;
  readonly createdAt: number;
  readonly seenAt: number | null;
  /** Whom an issuer means by this user: its address, a space, its own name for them. */
  readonly oidc: string | null;
  /** Is whoever the issuer first logs in under this name. */
  readonly awaitsOidc: boolean;
}

type UserRow = Omit<User, "isDisabled" | "awaitsOidc" | "quota"> & {
  readonly isDisabled: number;
  readonly awaitsOidc: number;
  readonly quota: string;
};

export const STANDARD_QUOTA: Quota = { diskBytes: 100 * 1024 ** 3, activeBuilds: 10, images: 100, machines: 10 };
const INVITATION_MS = 7 * 86_400_000;

/** A user of this name. */
export function findUser(database: Database, name: string): User | undefined {
  const row = database.get<UserRow>("SELECT * FROM users WHERE name = ?", name);
  return row && userOf(row);
}

/** The user whom an issuer means by an identity. */
export function findUserOf(database: Database, identity: string): User | undefined {
  const row = database.get<UserRow>("SELECT * FROM users WHERE oidc = ?", identity);
  return row && userOf(row);
}

/** A user is from now on whom the issuer calls so. */
export function giveUserTo(database: Database, name: string, identity: string): void {
  database.run("UPDATE users SET oidc = ?, awaitsOidc = 0 WHERE name = ?", identity, name);
}

/** All users, by name. */
export function listUsers(database: Database): User[] {
  return database.all<UserRow>("SELECT * FROM users ORDER BY name").map(userOf);
}

/** Makes a user, who needs an invitation to log in, or has an issuer who does it. @throws conflict */
export function addUser(
  database: Database,
  name: string,
  role: Role,
  quota: Quota = STANDARD_QUOTA,
  oidc: string | null = null,
): User {
  return database.transaction(() => {
    if (findUser(database, name)) throw new VmbuilderError("conflict", `there is a user "${name}" already`);
    database.run(
      "INSERT INTO users (name, role, quota, createdAt, oidc) VALUES (?, ?, ?, ?, ?)",
      ...[name, role, JSON.stringify(quota), Date.now(), oidc],
    );
    return existing(database, name);
  });
}

/** Changes a user. The last admin stays one. @throws not-found, conflict */
export function changeUser(
  database: Database,
  name: string,
  change: {
    role?: Role | undefined;
    isDisabled?: boolean | undefined;
    quota?: Partial<Quota> | undefined;
    /** Gives the user to the issuer, or takes them from it. */
    hasOidc?: boolean | undefined;
  },
): User {
  return database.transaction(() => {
    const user = existing(database, name);
    const role = change.role ?? user.role;
    const isDisabled = change.isDisabled ?? user.isDisabled;
    if (role !== "admin" || isDisabled) keepAnAdmin(database, user);
    const quota = JSON.stringify({ ...user.quota, ...change.quota });
    database.run(
      "UPDATE users SET role = ?, isDisabled = ?, quota = ? WHERE name = ?",
      role,
      Number(isDisabled),
      quota,
      name,
    );
    if (isDisabled) database.run("DELETE FROM sessions WHERE user = ?", name);
    if (change.hasOidc === true && user.oidc === null)
      database.run("UPDATE users SET awaitsOidc = 1 WHERE name = ?", name);
    if (change.hasOidc === false) {
      database.run("UPDATE users SET awaitsOidc = 0, oidc = NULL WHERE name = ?", name);
      database.run("DELETE FROM sessions WHERE user = ? AND isOidc", name);
    }
    return existing(database, name);
  });
}

/** Removes a user; what was theirs belongs to `heir` then. @throws not-found, conflict */
export function removeUser(database: Database, name: string, heir: string): void {
  database.transaction(() => {
    const user = existing(database, name);
    if (name === heir) throw new VmbuilderError("conflict", "you cannot remove yourself");
    keepAnAdmin(database, user);
    // A key of the one must not meet a key of the other.
    database.run("UPDATE jobs SET owner = ?, idempotencyKey = NULL WHERE owner = ?", heir, name);
    database.run("UPDATE images SET owner = ? WHERE owner = ?", heir, name);
    database.run("UPDATE machines SET owner = ? WHERE owner = ?", heir, name);
    database.run(
      "UPDATE profiles SET name = name || ' of ' || owner || ' ' || number, owner = ? WHERE owner = ?",
      heir,
      name,
    );
    database.run("DELETE FROM users WHERE name = ?", name);
  });
}

/** Makes a secret that sets a user's password once. Earlier ones are void. @throws not-found */
export function invite(database: Database, name: string): string {
  const secret = makeSecret();
  database.transaction(() => {
    existing(database, name);
    database.run("DELETE FROM invitations WHERE user = ?", name);
    const expiresAt = Date.now() + INVITATION_MS;
    database.run(
      "INSERT INTO invitations (hash, user, expiresAt) VALUES (?, ?, ?)",
      hashSecret(secret),
      name,
      expiresAt,
    );
  });
  return secret;
}

/** Whom a secret invites, if it is good. */
export function invitedUser(database: Database, secret: string): string | undefined {
  return database.get<{ user: string }>(
    "SELECT user FROM invitations WHERE hash = ? AND expiresAt > ?",
    ...[hashSecret(secret), Date.now()],
  )?.user;
}

/**
 * Sets the password of whom a secret invites; sessions, if there are any, end.
 *
 * @returns false when somebody was quicker
 */
export function acceptInvitation(database: Database, secret: string, password: string): boolean {
  return database.transaction(() => {
    const name = invitedUser(database, secret);
    if (name === undefined) return false;
    database.run("DELETE FROM invitations WHERE user = ?", name);
    setPassword(database, name, password);
    return true;
  });
}

/** Sets what is kept of a password; inside a transaction. All sessions of the user end. */
export function setPassword(database: Database, name: string, password: string): void {
  database.run("UPDATE users SET password = ? WHERE name = ?", password, name);
  database.run("DELETE FROM sessions WHERE user = ?", name);
}

/** What the images of a user's builds that wait or run take at most. */
export function comingBytes(database: Database, name: string): number {
  const row = database.get(
    "SELECT coalesce(sum(diskBytes), 0) AS bytes FROM jobs WHERE owner = ? AND state IN ('queued', 'running', 'cancelling')",
    name,
  );
  return Number(row?.bytes);
}

/** What a user has of what {@link Quota} limits. */
export function usageOf(database: Database, name: string): Quota {
  const images = database.get(
    "SELECT count(*) AS count, coalesce(sum(sizeBytes), 0) AS bytes FROM images WHERE owner = ?",
    name,
  );
  const active = database.get(
    "SELECT count(*) AS count FROM jobs WHERE owner = ? AND state IN ('queued', 'running', 'cancelling')",
    name,
  );
  const machines = database.get(
    "SELECT count(*) AS count, coalesce(sum(diskBytes), 0) AS bytes FROM machines WHERE owner = ?",
    name,
  );
  return {
    diskBytes: Number(images?.bytes) + Number(machines?.bytes),
    ...{ activeBuilds: Number(active?.count), images: Number(images?.count), machines: Number(machines?.count) },
  };
}

function keepAnAdmin(database: Database, user: User): void {
  if (user.role !== "admin" || user.isDisabled) return;
  const admins = database.get("SELECT count(*) AS count FROM users WHERE role = 'admin' AND NOT isDisabled")?.count;
  if (Number(admins) > 1) return;
  throw new VmbuilderError("conflict", `${user.name} is the last admin`, { hint: "make another one first" });
}

function existing(database: Database, name: string): User {
  const user = findUser(database, name);
  if (!user) throw new VmbuilderError("not-found", "there is no such user");
  return user;
}

function userOf(row: UserRow): User {
  const [isDisabled, awaitsOidc] = [row.isDisabled === 1, row.awaitsOidc === 1];
  return { ...row, isDisabled, awaitsOidc, quota: { ...STANDARD_QUOTA, ...JSON.parse(row.quota) } };
}
