import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import type { Ask, UserAsk } from "../http/route.ts";
import { mayEdit, maySee } from "../http/views.ts";
import { recordAction } from "../store/audit.ts";
import type { User } from "../store/users.ts";

/** What lists take. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.coerce.number().int().min(0).optional(),
};

/** The shape of a list's answer. */
export function listOf(item: z.ZodType): z.ZodType {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** A part of a list, and where the next begins. */
export function pageOf<T extends { readonly number: number }, U>(
  rows: readonly T[],
  limit: number,
  show: (row: T) => U,
): { items: U[]; next: string | null } {
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { items: rows.map(show), next: last ? String(last.number) : null };
}

/** Writes down what a caller does. */
export function audit(
  ask: UserAsk | (Ask & { caller?: { user: User } }),
  action: string,
  target: string,
  detail?: string,
): void {
  const user = ask.caller?.user.name ?? null;
  recordAction(ask.server.database, { user, action, target, address: ask.address, detail: detail ?? null });
}

/** Where the page is, as the caller's browser knows it. */
export function pageUrl({ server, request }: Pick<Ask, "server" | "request">): string {
  const { origin, isSecure, basePath } = server.settings;
  return `${origin || `${isSecure ? "https" : "http"}://${request.headers.get("host")}`}${basePath}`;
}

/** Whose things a list shows: an admin's own eyes see all. */
export function visibleTo({ name, role }: User): string | undefined {
  return role === "admin" ? undefined : name;
}

/** Gives what a caller may see; what they may not is as if it were not there. @throws not-found */
export function seen<T extends { owner: string; isShared: boolean }>(
  thing: T | undefined,
  user: User,
  what: string,
): T {
  if (thing && maySee(thing, user)) return thing;
  throw new VmbuilderError("not-found", `there is no such ${what}`);
}

/** Gives what a caller may change. @throws not-found for what they don't see, forbidden for what is shared with them */
export function owned<T extends { owner: string; isShared: boolean }>(
  thing: T | undefined,
  user: User,
  what: string,
): T {
  const found = seen(thing, user, what);
  if (mayEdit(found, user)) return found;
  throw new VmbuilderError("forbidden", `this ${what} belongs to ${found.owner}`);
}
