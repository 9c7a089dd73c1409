import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as z from "zod";
import type { Route } from "../../src/server/http/route.ts";
import { ROUTES } from "../../src/server/routes/index.ts";
import {
  type Answer,
  type Client,
  ended,
  RECIPE,
  startTestServer,
  type TestServer,
  until,
} from "../fixtures/server.ts";

type Who = "nobody" | "viewer" | "builder" | "owner" | "admin";
type Owner = "private" | "shared";
interface Things {
  readonly builds: string;
  readonly images: string;
  readonly profiles: string;
  readonly links: string;
  readonly machines: string;
}

let server: TestServer;
const clients = {} as Record<Who, Client>;
const things = {} as Record<Owner, Things>;
let link = "";

/** A request of each route that is right. */
const BODIES: Record<string, unknown> = {
  "post /session": { user: "nobody", password: "wrong wrong wrong" },
  "put /session/password": { current: "wrong", password: "another password" },
  "post /invitation": { token: "none", password: "another password" },
  "post /tokens": { name: "test" },
  "post /users": { name: "admin", role: "viewer" },
  "patch /users/{name}": { role: "viewer" },
  "post /recipes/check": { recipe: RECIPE },
  "post /plans": { recipe: RECIPE },
  "post /builds": { recipe: { mem: "wrong" } },
  "patch /builds/{id}": { priority: "low" },
  "patch /images/{id}": { name: "renamed" },
  "post /images/{id}/links": {},
  "post /machines": { imageId: "none" },
  "patch /machines/{id}": { name: "renamed" },
  "post /machines/{id}/snapshots": { name: "taken" },
  "post /profiles": { name: "by contract", recipe: RECIPE.rootpass ? { hostname: "x" } : {} },
  "put /profiles/{id}": { name: "kept", recipe: { hostname: "x" } },
};
/** They end what later requests need, and are tried elsewhere. */
const DESTRUCTIVE = [
  "delete /session",
  "delete /builds/{id}",
  "delete /images/{id}",
  "delete /profiles/{id}",
  "post /builds/{id}/retry",
  "delete /machines/{id}",
  "post /machines/{id}/start",
  "post /machines/{id}/tests",
];
/** Routes where people get no more than their own, whoever they are. */
const OWN =
  /^\/(session|tokens|users|audit|healthz|metrics|usage|cache|events|schema|choices|recipes|plans|invitation|shared)/;

beforeAll(async () => {
  // Nobody is there: routes by which people log in elsewhere say so.
  server = await startTestServer("disk", ["--oidc-issuer", "http://127.0.0.1:1", "--oidc-client-id", "test"]);
  clients.nobody = server.anonymous;
  clients.admin = server.admin;
  clients.owner = await server.user("olga", "builder");
  clients.builder = await server.user("ben", "builder");
  clients.viewer = await server.user("vera", "viewer");
  for (const owner of ["private", "shared"] as const) {
    const isShared = owner === "shared";
    const { body } = await clients.owner.ask("POST", "builds", { recipe: RECIPE, isShared });
    const build = await ended(clients.owner, body.id);
    expect(build.error).toBeNull();
    const profile = await clients.owner.ask("POST", "profiles", { name: owner, recipe: { hostname: "x" }, isShared });
    const made = await clients.owner.ask("POST", `images/${build.imageId}/links`, {});
    link = made.body.url.split("/").at(-1);
    const machine = { imageId: build.imageId, isShared, isStarted: false };
    const { body: machineBody } = await clients.owner.ask("POST", "machines", machine);
    await until(async () => {
      const { state } = (await clients.owner.ask("GET", `machines/${machineBody.id}`)).body;
      return state === "stopped" || undefined;
    });
    things[owner] = {
      builds: build.id,
      images: build.imageId,
      profiles: profile.body.id,
      links: made.body.id,
      machines: machineBody.id,
    };
  }
});
afterAll(() => server?.close());

/** The status of an error that a caller must get, or nothing when the request is theirs to make. */
function refusal({ access, method, path }: Route, who: Who, owner: Owner): number | undefined {
  if (access === "anyone") return undefined;
  if (who === "nobody") return 401;
  const rank = { viewer: 0, builder: 1, owner: 1, admin: 2 }[who];
  if (rank < { user: 0, builder: 1, admin: 2 }[access]) return 403;
  if (OWN.test(path) || !path.includes("{") || who === "owner" || who === "admin") return undefined;
  if (owner === "private") return 404;
  return method === "get" && !/links|console|screen/.test(path) ? undefined : 403;
}

const cells = ROUTES.filter((route) => !DESTRUCTIVE.includes(`${route.method} ${route.path}`)).flatMap((route) =>
  (["nobody", "viewer", "builder", "owner", "admin"] as const).flatMap((who) =>
    (["private", "shared"] as const).map((owner) => ({ name: `${route.method} ${route.path}`, who, owner, route })),
  ),
);

describe("every route, for everybody", () => {
  it.each(cells)("$name, $who, what is $owner", async ({ route, who, owner, name }) => {
    const answer = await askOf(route, who, owner, name);
    const refused = refusal(route, who, owner);
    if (refused !== undefined)
      expect(answer).toMatchObject({ status: refused, body: { error: { code: expect.any(String) } } });
    else
      expect([401, 403, 404]).not.toContain(
        answer.status === 401 ? (answer.body.error.code === "login-failed" ? 0 : 401) : nameless(answer, route),
      );
    expect(answer.status).toBeLessThan(500);
    checkShape(route, answer);
  });
});

describe("DELETE and retry", () => {
  it.each(DESTRUCTIVE.slice(1))("%s is refused to others", async (name) => {
    const route = ROUTES.find((one) => `${one.method} ${one.path}` === name) as Route;
    for (const owner of ["private", "shared"] as const) {
      for (const who of ["nobody", "viewer", "builder"] as const) {
        const { status } = await askOf(route, who, owner, name);
        expect(status, `${who} ${owner}`).toBe(refusal(route, who, owner));
      }
    }
  });

  it("an owner removes image, build and profile", async () => {
    const { images, builds, profiles } = things.private;
    expect(await clients.owner.ask("DELETE", `images/${images}`)).toMatchObject({
      status: 200,
      body: { removedAt: expect.any(String) },
    });
    expect(await clients.owner.ask("GET", `images/${images}/files/manifest`)).toMatchObject({
      status: 409,
      body: { error: { code: "gone" } },
    });
    expect(await clients.owner.ask("POST", `images/${images}/restore`)).toMatchObject({
      status: 200,
      body: { removedAt: null },
    });
    expect((await clients.owner.ask("DELETE", `images/${images}?now=true`)).status).toBe(204);
    expect((await clients.owner.ask("DELETE", `builds/${builds}`)).status).toBe(204);
    expect((await clients.owner.ask("DELETE", `profiles/${profiles}`)).status).toBe(204);
    for (const path of [`images/${images}`, `builds/${builds}`, `profiles/${profiles}`])
      expect((await clients.owner.ask("GET", path)).status).toBe(404);
  });
});

it("openapi.json names every route, and refers to nothing that isn't there", async () => {
  const { body } = await server.anonymous.ask("GET", "openapi.json");
  for (const { path, method } of ROUTES) expect(body.paths[path]?.[method]?.["x-role"]).toBeDefined();
  for (const [, name] of JSON.stringify(body).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    expect(Object.keys(body.components.schemas)).toContain(name);
  expect(JSON.stringify(body)).not.toContain("#/$defs/");
});

async function askOf(route: Route, who: Who, owner: Owner, name: string): Promise<Answer> {
  const [, kind = ""] = route.path.split("/");
  const values: Record<string, string> = {
    id: things[owner][kind as keyof Things] ?? "none",
    file: "manifest",
    linkId: "none",
    name: kind === "recipes" ? "minimal" : "vera-not",
    token: link,
  };
  const path = route.path.slice(1).replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? "none");
  if (Object.values(route.answers).includes("text/event-stream")) {
    const stop = new AbortController();
    const response = await clients[who].fetch(path, { signal: stop.signal });
    const body = response.status === 200 ? "" : await response.json();
    stop.abort();
    return { status: response.status, headers: response.headers, body };
  }
  return clients[who].ask(route.method.toUpperCase(), path, route.body ? (BODIES[name] ?? {}) : undefined);
}

/** Nothing of the name is there: that is another 404 than a foreigner's. */
function nameless(answer: Answer, { path }: Route): number {
  return answer.status === 404 && /users\/\{name\}|tokens\/\{id\}|\{linkId\}|\{snapshot\}|^\/machines$/.test(path)
    ? 0
    : answer.status;
}

function checkShape(route: Route, { status, body }: Answer): void {
  const shape = route.answers[status];
  if (status >= 400) expect(body.error.message).toEqual(expect.any(String));
  else if (status === 303) expect(shape).toBe("text/html");
  else if (shape === undefined) expect(status).toBe(204);
  else if (typeof shape !== "string") expect((shape as z.ZodType).safeParse(body).error).toBeUndefined();
}
