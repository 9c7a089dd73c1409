import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { ROUTES } from "../routes/index.ts";
import type { ServerContext } from "../server-context.ts";
import { authenticate } from "./authenticate.ts";
import { clientAddress } from "./client-address.ts";
import { answerJson, DirectAnswer } from "./direct-answer.ts";
import { renderDocs } from "./docs-page.ts";
import { answerError } from "./error-answer.ts";
import { checkHost, checkOrigin, securityHeaders } from "./guards.ts";
import { describeApi } from "./openapi.ts";
import { readBody } from "./read-body.ts";
import type { Route, UserAsk } from "./route.ts";
import { sendStatic } from "./static-files.ts";
import { apiPath } from "./views.ts";

type Bindings = { Bindings: HttpBindings };

/** Where the documentation is, below the base path. */
const HELP = "help/";

/** Everything that the server answers: the API, its description, and the page. */
export function createApp(server: ServerContext): Hono<Bindings> {
  const { settings, counters } = server;
  const app = new Hono<Bindings>({ strict: true });
  const standing = Object.entries(securityHeaders(settings.isSecure));
  app.onError((error) => answerError(error));
  app.use(async (context, next) => {
    checkHost(context.req.raw.headers.get("host"), settings);
    checkOrigin(context.req.raw.headers);
    await next();
  });
  const api = apiPath(server);
  for (const route of ROUTES) {
    const path = `${api}${route.path.slice(1).replace(/\{(\w+)\}/g, ":$1")}`;
    app.on(route.method.toUpperCase(), path, (context) => handle(route, context, server));
  }
  const description = describeApi(settings.version, api);
  app.get(`${api}openapi.json`, (context) => context.json(description));
  app.get(`${api}docs`, (context) => context.html(renderDocs(description)));
  app.all(`${api}*`, (context) => {
    throw refuseUnknown(context.req.method, context.req.path.slice(api.length - 1));
  });
  if (settings.basePath !== "/") {
    app.get(settings.basePath.slice(0, -1), (context) => context.redirect(settings.basePath));
    app.get("/", (context) => context.redirect(settings.basePath));
  }
  app.get(`${settings.basePath}*`, async (context) => {
    const path = decodePath(context.req.path.slice(settings.basePath.length));
    if (path === HELP.slice(0, -1)) return context.redirect(`${settings.basePath}${HELP}`);
    const [root, name] = path?.startsWith(HELP)
      ? [settings.docsDirectory, path.slice(HELP.length)]
      : [settings.pageDirectory, path];
    return (name === undefined ? undefined : await sendStatic(root, name, context.req.raw)) ?? context.notFound();
  });
  app.notFound(() =>
    answerError(
      new VmbuilderError("not-found", "there is nothing here", { hint: `the page is at ${settings.basePath}` }),
    ),
  );
  const outer = new Hono<Bindings>();
  outer.all("*", async (context) => {
    const answer = await app.fetch(context.req.raw, context.env);
    for (const [name, value] of standing) answer.headers.set(name, value);
    const kind = `${Math.floor(answer.status / 100)}xx`;
    counters.requests.set(kind, (counters.requests.get(kind) ?? 0) + 1);
    if (!(answer instanceof DirectAnswer)) return answer;
    context.env.outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
    answer.writeBody(context.env.outgoing as ServerResponse);
    return RESPONSE_ALREADY_SENT;
  });
  return outer;
}

async function handle(route: Route, context: Context<Bindings>, server: ServerContext): Promise<Response> {
  const request = context.req.raw;
  const peer = context.env.incoming?.socket.remoteAddress ?? "unknown";
  const address = clientAddress(peer, request.headers.get("x-forwarded-for"), server.settings.proxies);
  const caller = route.access === "anyone" ? undefined : authenticate(request, route.access, server);
  const query = route.query && check(route.query, context.req.query(), "query");
  const body = route.body && check(route.body, await readBody(request), "body");
  const ask = { params: context.req.param(), query, body, request, address, server, caller } as unknown as UserAsk;
  const answer = await route.handle(ask);
  if (answer instanceof Response) return answer;
  const headers = { "cache-control": "no-store", ...answer.headers };
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  return answerJson(JSON.stringify(answer.body), answer.status, headers);
}

function check(shape: z.ZodObject, value: unknown, what: string): unknown {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = [what, ...(issue?.path ?? []).map(String)].join(".");
  throw new VmbuilderError("usage", `${place}: ${issue?.message ?? z.prettifyError(parsed.error)}`, {
    hint: "openapi.json says what a request holds",
  });
}

function refuseUnknown(method: string, path: string): VmbuilderError {
  return new VmbuilderError("not-found", `the API has no ${method} ${path.slice(0, 100)}`, {
    hint: "openapi.json lists what there is",
  });
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
