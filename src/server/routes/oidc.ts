import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { readCookie, sessionCookie } from "../http/authenticate.ts";
import { TooMany } from "../http/rate-limit.ts";
import { type Ask, type Route, route } from "../http/route.ts";
import { admit } from "../oidc/admit.ts";
import { type Issuer, type LoginSecrets, makeLoginSecrets, OidcError, type OidcFault } from "../oidc/issuer.ts";
import { beginSession } from "../store/sessions.ts";
import { findUserOf } from "../store/users.ts";
import { audit, pageUrl } from "./common.ts";

const COOKIE = "vmbuilder_oidc";
const LOGIN_S = 600;

/** Logging in by an OpenID Connect issuer. Browsers go to these themselves, so they answer by sending them on. */
export const OIDC_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/session/methods",
    summary: "Tells how one can log in",
    access: "anyone",
    answers: { 200: z.object({ password: z.literal(true), oidc: z.object({ title: z.string() }).nullable() }) },
    async handle({ server }) {
      const oidc = server.issuer ? { title: server.issuer.settings.title } : null;
      return { status: 200, body: { password: true, oidc } };
    },
  }),
  route({
    method: "get",
    path: "/oidc/login",
    summary: "Sends a browser to the issuer",
    access: "anyone",
    answers: { 303: "text/html" },
    handle: (ask) =>
      orExplain(ask, async (issuer) => {
        ask.server.limits.oidc.take(`address ${ask.address}`);
        const secrets = makeLoginSecrets();
        const url = await issuer.begin(secrets, `${callbackUrl(ask)}`);
        return sendOn(url.href, [loginCookie(ask, secrets)]);
      }),
  }),
  route({
    method: "get",
    path: "/oidc/callback",
    summary: "Takes a browser back from the issuer; begins a session",
    access: "anyone",
    answers: { 303: "text/html" },
    handle: (ask) =>
      orExplain(ask, async (issuer) => {
        const secrets = readLogin(ask.request);
        if (!secrets) throw new OidcError("stale", "this browser has begun no login, or more than ten minutes ago");
        const url = new URL(callbackUrl(ask));
        url.search = new URL(ask.request.url).search;
        const claims = await issuer.finish(url, secrets);
        const { server } = ask;
        const address = issuer.settings.issuer.href;
        const isNew = !findUserOf(server.database, `${address} ${claims.sub}`);
        const user = admit(server.database, address, claims, issuer.settings.people);
        const caller = { user };
        if (isNew) audit({ ...ask, caller }, "accept by issuer", user.name, `${user.role}; ${address}`);
        audit({ ...ask, caller }, "login", user.name, `by ${address}`);
        server.limits.oidc.forgive(`address ${ask.address}`);
        const secret = beginSession(server.database, user.name, true);
        return sendOn(pageUrl(ask), [loginCookie(ask, undefined), sessionCookie(secret, server.settings)]);
      }),
  }),
];

/** What goes wrong is told by the page: it has a text for each word. The log has the line. */
async function orExplain(ask: Ask, work: (issuer: Issuer) => Promise<Response>): Promise<Response> {
  const { issuer } = ask.server;
  if (!issuer)
    throw new VmbuilderError("not-found", "this server has no issuer", { hint: "have it started with --oidc-issuer" });
  try {
    return await work(issuer);
  } catch (error) {
    const fault: OidcFault | undefined =
      error instanceof OidcError ? error.fault : error instanceof TooMany ? "too-many" : undefined;
    if (fault === undefined || !(error instanceof Error)) throw error;
    process.stderr.write(`login by the issuer: ${error.message}\n`);
    audit(ask, "login failed", issuer.settings.issuer.href, error.message);
    return sendOn(`${pageUrl(ask)}#/login/${fault}`, [loginCookie(ask, undefined)]);
  }
}

function sendOn(location: string, cookies: readonly string[]): Response {
  const headers = new Headers({ location, "cache-control": "no-store" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}

function callbackUrl(ask: Ask): string {
  return `${pageUrl(ask)}api/oidc/callback`;
}

/** Lax: the browser brings it back from another site. It ties the login to the browser that began it. */
function loginCookie({ server }: Ask, secrets: LoginSecrets | undefined): string {
  const { basePath, isSecure } = server.settings;
  const value = secrets ? [secrets.state, secrets.nonce, secrets.verifier].join(".") : "";
  const life = secrets ? LOGIN_S : 0;
  return `${COOKIE}=${value}; Path=${basePath}api/oidc; Max-Age=${life}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
}

function readLogin({ headers }: Request): LoginSecrets | undefined {
  const parts = (readCookie(headers.get("cookie"), COOKIE) ?? "").split(".");
  const [state = "", nonce = "", verifier = ""] = parts;
  return parts.length === 3 && parts.every((part) => /^[\w-]{43}$/.test(part)) ? { state, nonce, verifier } : undefined;
}
