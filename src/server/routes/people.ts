import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { sessionCookie } from "../http/authenticate.ts";
import { type Answer, type Ask, type Route, route, type UserAsk } from "../http/route.ts";
import { isoTime, showUser, userSchema } from "../http/views.ts";
import { keepInvitation } from "../store/invitation-file.ts";
import { hashPassword, isPassword } from "../store/secrets.ts";
import { beginSession, type Caller, endSession, sessionCaller } from "../store/sessions.ts";
import { acceptInvitation, findUser, invitedUser, setPassword } from "../store/users.ts";
import { audit, pageUrl } from "./common.ts";

export const userName = z.string().regex(/^[a-z][a-z0-9._-]{0,31}$/, "is no name: small letters, digits, . _ -");
const password = z.string().min(10, "is shorter than 10 characters").max(256);
const sessionSchema = z
  .object({ user: userSchema, csrfToken: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: "Session" });

/** How people come in, and out. */
export const PEOPLE_ROUTES: readonly Route[] = [
  route({
    method: "post",
    path: "/session",
    summary: "Logs in",
    access: "anyone",
    body: z.strictObject({ user: z.string().max(64), password: z.string().max(256) }),
    answers: { 200: sessionSchema },
    async handle(ask) {
      const { body, server, address } = ask;
      const keys = [`user ${body.user.slice(0, 64)} ${address}`, `address ${address}`];
      server.limits.login.take(...keys);
      const user = findUser(server.database, body.user);
      const isRight = await isPassword(body.password, user?.password ?? undefined);
      if (!user || !isRight || user.isDisabled) {
        audit(ask, "login failed", body.user.slice(0, 64));
        throw new VmbuilderError("login-failed", "the name or the password is wrong");
      }
      server.limits.login.forgive(...keys);
      return startSession(ask, user.name, "login");
    },
  }),
  route({
    method: "get",
    path: "/session",
    summary: "Tells who is logged in",
    access: "user",
    answers: { 200: sessionSchema },
    handle: async ({ caller, server }) => ({ status: 200, body: showSession(caller, server) }),
  }),
  route({
    method: "delete",
    path: "/session",
    summary: "Logs out; its event streams end. 200: the browser goes there to log out at the issuer, too",
    access: "user",
    answers: { 200: z.object({ endSessionUrl: z.string() }), 204: undefined },
    async handle(ask) {
      const { caller, server } = ask;
      if (!caller.session)
        throw new VmbuilderError("usage", "a token has no session", { hint: "DELETE tokens/ID ends it" });
      endSession(server.database, caller.session.hash);
      server.feed.endDead();
      audit(ask, "logout", caller.user.name);
      const headers = { "set-cookie": sessionCookie(undefined, server.settings) };
      const there = caller.session.isOidc ? server.issuer?.endSessionUrl(pageUrl(ask)) : undefined;
      return there ? { status: 200, headers, body: { endSessionUrl: there.href } } : { status: 204, headers };
    },
  }),
  route({
    method: "put",
    path: "/session/password",
    summary: "Changes one's own password; all other sessions end",
    access: "user",
    body: z.strictObject({ current: z.string().max(256), password }),
    answers: { 204: undefined },
    async handle(ask) {
      const { body, caller, server } = ask;
      if (!caller.session)
        throw new VmbuilderError("forbidden", "a token cannot change a password", { hint: "log in" });
      server.limits.login.take(`password ${caller.user.name}`);
      if (!(await isPassword(body.current, caller.user.password ?? undefined)))
        throw new VmbuilderError("login-failed", "the current password is wrong");
      const kept = await hashPassword(body.password);
      server.database.transaction(() => setPassword(server.database, caller.user.name, kept));
      audit(ask, "change password", caller.user.name);
      server.feed.endDead();
      const cookie = sessionCookie(beginSession(server.database, caller.user.name), server.settings);
      return { status: 204, headers: { "set-cookie": cookie } };
    },
  }),
  route({
    method: "post",
    path: "/invitation",
    summary: "Takes an invitation: sets the password and logs in",
    access: "anyone",
    body: z.strictObject({ token: z.string().max(128), password }),
    answers: { 200: sessionSchema },
    async handle(ask) {
      const { body, server, address } = ask;
      server.limits.login.take(`address ${address}`);
      const void_ = () =>
        new VmbuilderError("login-failed", "this invitation was used or has ended", {
          hint: "ask an admin for another",
        });
      const name = invitedUser(server.database, body.token);
      if (name === undefined) throw void_();
      if (!acceptInvitation(server.database, body.token, await hashPassword(body.password))) throw void_();
      await keepInvitation(server.folder, undefined);
      server.feed.endDead();
      return startSession(ask, name, "accept invitation");
    },
  }),
];

function startSession(ask: Ask, name: string, action: string): Answer {
  const { server } = ask;
  const secret = beginSession(server.database, name);
  const caller = sessionCaller(server.database, secret);
  if (!caller) throw new VmbuilderError("login-failed", "this user is disabled");
  audit({ ...ask, caller }, action, name);
  return {
    status: 200,
    body: showSession(caller, server),
    headers: { "set-cookie": sessionCookie(secret, server.settings) },
  };
}

/** Who has a token has no session, and needs no CSRF token. */
function showSession({ user, session }: Caller, server: UserAsk["server"]): z.output<typeof sessionSchema> {
  const { csrfToken = "", expiresAt = Date.now() + 3_600_000 } = session ?? {};
  return { user: showUser(user, server), csrfToken, expiresAt: isoTime(expiresAt) };
}
