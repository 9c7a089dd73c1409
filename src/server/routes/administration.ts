import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { type Route, route, type UserAsk } from "../http/route.ts";
import { isoTime, showUser, userSchema } from "../http/views.ts";
import { listActions } from "../store/audit.ts";
import { addToken, listTokens, removeToken, type Token } from "../store/sessions.ts";
import {
  addUser,
  changeUser,
  invite,
  listUsers,
  type Quota,
  ROLES,
  removeUser,
  STANDARD_QUOTA,
} from "../store/users.ts";
import { audit, listOf, pageOf, pageQuery, pageUrl } from "./common.ts";
import { userName } from "./people.ts";

const DAY_MS = 86_400_000;
const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: "Token" });
const count = z.int().min(0);
const quota = z.strictObject({
  diskBytes: count.optional(),
  activeBuilds: count.max(10_000).optional(),
  images: count.max(1_000_000).optional(),
  machines: count.max(10_000).optional(),
});
const role = z.enum(ROLES);
const auditEntry = z.object({
  id: z.int(),
  at: z.iso.datetime(),
  user: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  address: z.string().nullable(),
  detail: z.string().nullable(),
});

/** Tokens of one's own, and for admins users and what they did. */
export const ADMINISTRATION_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/tokens",
    summary: "Lists one's own tokens",
    access: "user",
    answers: { 200: listOf(tokenSchema) },
    async handle({ caller, server }) {
      const items = listTokens(server.database, caller.user.name).map(showToken);
      return { status: 200, body: { items, next: null } };
    },
  }),
  route({
    method: "post",
    path: "/tokens",
    summary: "Makes a token for oneself; it is shown once",
    access: "user",
    body: z.strictObject({
      name: z.string().trim().min(1).max(100),
      expiresInDays: z.int().min(1).max(3650).optional(),
    }),
    answers: { 201: tokenSchema.extend({ token: z.string() }).meta({ id: "NewToken" }) },
    async handle(ask) {
      const { body, caller, server } = ask;
      const expiresAt = body.expiresInDays === undefined ? null : Date.now() + body.expiresInDays * DAY_MS;
      const { secret, ...token } = addToken(server.database, caller.user.name, body.name, expiresAt);
      audit(ask, "create token", token.id, token.name);
      return { status: 201, body: { ...showToken(token), token: secret } };
    },
  }),
  route({
    method: "delete",
    path: "/tokens/{id}",
    summary: "Ends a token of one's own",
    access: "user",
    answers: { 204: undefined },
    async handle(ask) {
      const { params, caller, server } = ask;
      const id = params.id ?? "";
      if (!removeToken(server.database, caller.user.name, id))
        throw new VmbuilderError("not-found", "there is no such token");
      server.feed.endDead();
      audit(ask, "remove token", id);
      return { status: 204 };
    },
  }),
  route({
    method: "get",
    path: "/users",
    summary: "Lists users",
    access: "admin",
    answers: { 200: listOf(userSchema) },
    async handle({ server }) {
      const items = listUsers(server.database).map((user) => showUser(user, server));
      return { status: 200, body: { items, next: null } };
    },
  }),
  route({
    method: "post",
    path: "/users",
    summary: "Makes a user, with a link by which they set their password",
    access: "admin",
    body: z.strictObject({ name: userName, role, quota: quota.optional() }),
    answers: { 201: z.object({ user: userSchema, invitationUrl: z.string() }) },
    async handle(ask) {
      const { body, server } = ask;
      const user = addUser(server.database, body.name, body.role, { ...STANDARD_QUOTA, ...defined(body.quota) });
      audit(ask, "create user", user.name, user.role);
      return { status: 201, body: { user: showUser(user, server), invitationUrl: invitationUrl(ask, user.name) } };
    },
  }),
  route({
    method: "patch",
    path: "/users/{name}",
    summary: "Changes a user's role or quota, gives them to the issuer, or shuts them out",
    access: "admin",
    body: z.strictObject({
      role: role.optional(),
      isDisabled: z.boolean().optional(),
      quota: quota.optional(),
      hasOidc: z.boolean().optional(),
    }),
    answers: { 200: userSchema },
    async handle(ask) {
      const { params, body, server } = ask;
      const user = changeUser(server.database, params.name ?? "", { ...body, quota: defined(body.quota) });
      server.feed.endDead();
      audit(ask, "change user", user.name, JSON.stringify(body));
      return { status: 200, body: showUser(user, server) };
    },
  }),
  route({
    method: "delete",
    path: "/users/{name}",
    summary: "Removes a user; what was theirs is the caller's then",
    access: "admin",
    answers: { 204: undefined },
    async handle(ask) {
      const { params, caller, server } = ask;
      removeUser(server.database, params.name ?? "", caller.user.name);
      server.feed.endDead();
      audit(ask, "remove user", params.name ?? "");
      return { status: 204 };
    },
  }),
  route({
    method: "post",
    path: "/users/{name}/invitation",
    summary: "Makes a link by which a user sets a new password",
    access: "admin",
    answers: { 201: z.object({ invitationUrl: z.string() }) },
    async handle(ask) {
      const url = invitationUrl(ask, ask.params.name ?? "");
      audit(ask, "invite", ask.params.name ?? "");
      return { status: 201, body: { invitationUrl: url } };
    },
  }),
  route({
    method: "get",
    path: "/audit",
    summary: "Lists what was done, the newest first",
    access: "admin",
    query: z.object(pageQuery),
    answers: { 200: listOf(auditEntry) },
    async handle({ query, server }) {
      const entries = listActions(server.database, query.cursor, query.limit).map((one) => ({
        ...one,
        number: one.id,
      }));
      const body = pageOf(entries, query.limit, ({ number: _, at, ...entry }) => ({ ...entry, at: isoTime(at) }));
      return { status: 200, body };
    },
  }),
];

function invitationUrl(ask: UserAsk, name: string): string {
  return `${pageUrl(ask)}#/invitation/${invite(ask.server.database, name)}`;
}

function showToken({ id, name, createdAt, expiresAt, usedAt }: Token): z.output<typeof tokenSchema> {
  const time = (ms: number | null) => (ms === null ? null : isoTime(ms));
  return { id, name, createdAt: isoTime(createdAt), expiresAt: time(expiresAt), lastUsedAt: time(usedAt) };
}

/** Without the keys that were not given. */
function defined(given: z.output<typeof quota> = {}): Partial<Quota> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
