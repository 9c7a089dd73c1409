import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "../store/database.ts";
import { addUser, changeUser, findUser, findUserOf, giveUserTo, ROLES, type Role, type User } from "../store/users.ts";
import { type Claims, OidcError, type PeoplePolicy } from "./issuer.ts";

/**
 * Finds the user whom an issuer has logged in, or makes one. A name alone opens nothing: a user whom no admin has given to the
 * issuer is never taken over.
 *
 * @throws OidcError
 */
export function admit(database: Database, issuer: string, claims: Claims, policy: PeoplePolicy): User {
  const identity = `${issuer} ${claims.sub}`;
  const role = roleOf(claims, policy);
  const [linked, waiting] = [findUserOf(database, identity), whoWaits(database, claims)];
  const user = linked ?? waiting;
  if (user?.isDisabled) throw new OidcError("disabled", `${user.name} is disabled`);
  if (!user && !policy.isOpen) throw new OidcError("unknown", `nobody here is ${shownName(claims)}`);
  if (role === undefined && (!user || policy.roles.length > 0))
    throw new OidcError("no-role", `no rule gives ${shownName(claims)} a role, and there is no default`);
  if (!user) return addUser(database, freeName(database, claims), role ?? "viewer", undefined, identity);
  if (!linked) giveUserTo(database, user.name, identity);
  return policy.roles.length > 0 && role !== undefined ? renewRole(database, user, role) : user;
}

/** The most that the rules give, or the default. */
export function roleOf(claims: Claims, { roles, roleClaim, defaultRole }: PeoplePolicy): Role | undefined {
  const values = [claims[roleClaim] ?? []].flat().map(String);
  const given = roles.filter(({ value }) => values.includes(value)).map(({ role }) => role);
  return given.sort((one, other) => ROLES.indexOf(other) - ROLES.indexOf(one))[0] ?? defaultRole;
}

/** A name by this server's rules: from the user name there, else from the mail address. */
export function nameOf({ preferred_username, email }: Claims): string | undefined {
  const text = [preferred_username, email].find((one) => typeof one === "string" && one !== "");
  const name = String(text ?? "")
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/@.*$/s, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 32)
    .replace(/[._-]+$/, "");
  return name === "" ? undefined : name;
}

function freeName(database: Database, claims: Claims): string {
  const name = nameOf(claims);
  if (name === undefined) throw new OidcError("name-unusable", `${shownName(claims)} makes no name here`);
  if (findUser(database, name)) throw new OidcError("name-taken", `"${name}" is another user here`);
  return name;
}

/** A user whom an admin has given to the issuer is whoever comes first under exactly this name. */
function whoWaits(database: Database, { preferred_username }: Claims): User | undefined {
  if (typeof preferred_username !== "string") return undefined;
  const user = findUser(database, preferred_username);
  return user?.awaitsOidc ? user : undefined;
}

/** The last admin stays one, whatever the issuer says. */
function renewRole(database: Database, user: User, role: Role): User {
  if (role === user.role) return user;
  try {
    return changeUser(database, user.name, { role });
  } catch (error) {
    if (error instanceof VmbuilderError && error.code === "conflict") return user;
    throw error;
  }
}

/** For the log: quoted, and short. */
function shownName({ preferred_username, email, sub }: Claims): string {
  return JSON.stringify(String(preferred_username ?? email ?? sub).slice(0, 80));
}
