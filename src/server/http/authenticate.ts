import { VmbuilderError } from "../../model/errors.ts";
import type { ServerContext, ServerSettings } from "../server-context.ts";
import { isSameSecret } from "../store/secrets.ts";
import { type Caller, sessionCaller, tokenCaller } from "../store/sessions.ts";
import { ROLES } from "../store/users.ts";
import type { Access } from "./route.ts";

const COOKIE = "vmbuilder_session";

/**
 * Finds out who asks, and whether they may.
 *
 * @throws login-required, csrf, forbidden
 */
export function authenticate(
  request: Pick<Request, "headers" | "method">,
  access: Exclude<Access, "anyone">,
  { database }: Pick<ServerContext, "database">,
): Caller {
  const { headers, method } = request;
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const cookie = readCookie(headers.get("cookie"));
  const caller =
    bearer !== undefined
      ? tokenCaller(database, bearer)
      : cookie === undefined
        ? undefined
        : sessionCaller(database, cookie);
  if (!caller)
    throw new VmbuilderError("login-required", bearer || cookie ? "this session or token has ended" : "log in first");
  const isSafe = method === "GET" || method === "HEAD";
  if (caller.session && !isSafe && !isSameSecret(headers.get("x-csrf-token") ?? "", caller.session.csrfToken))
    throw new VmbuilderError("csrf", "the header X-CSRF-Token is missing or wrong", {
      hint: "GET session tells the token",
    });
  if (access !== "user" && ROLES.indexOf(caller.user.role) < ROLES.indexOf(access))
    throw new VmbuilderError("forbidden", `this takes the role ${access}`, { hint: "ask an admin" });
  return caller;
}

/** The header that begins a session in a browser, or ends it. */
export function sessionCookie(secret: string | undefined, { basePath, isSecure }: ServerSettings): string {
  const life = secret === undefined ? "; Max-Age=0" : "";
  return `${COOKIE}=${secret ?? ""}; Path=${basePath}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}${life}`;
}

/** A cookie of a request. */
export function readCookie(header: string | null, wanted = COOKIE): string | undefined {
  for (const part of (header ?? "").split(";")) {
    const [name, value] = part.trim().split("=");
    if (name === wanted && value) return value;
  }
  return undefined;
}
