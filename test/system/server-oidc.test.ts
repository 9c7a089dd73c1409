import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CLIENT, startIssuer, type TestIssuer } from "../fixtures/oidc-issuer.ts";
import { startTestServer, type TestServer, until } from "../fixtures/server.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const SECRET_FILE = join(tmpdir(), `vmb-oidc-secret-${process.pid}`);
let issuer: TestIssuer;
let server: TestServer;

const options = (...more: string[]) => [
  ...["--oidc-issuer", issuer.url, "--oidc-client-id", CLIENT.id, "--oidc-secret-file", SECRET_FILE],
  ...["--oidc-title", "Example", ...more],
];
const RULES = ["--oidc-role", "admin=chiefs", "--oidc-role", "builder=makers", "--oidc-default-role", "none"];

beforeAll(async () => {
  await writeFile(SECRET_FILE, `${CLIENT.secret}\n`, { mode: 0o600 });
  issuer = await startIssuer();
  server = await startTestServer("disk", options());
});
afterAll(async () => {
  await server?.close();
  await issuer?.stop();
});
beforeEach(() => {
  issuer.next = { sub: "s-1", claims: { preferred_username: "Zoë@example.org" } };
});

/** What a browser does, redirect by redirect; a test may change where it comes back to. */
async function logInThere(change: (back: URL, cookie: string) => string = (_, cookie) => cookie) {
  const begun = await server.anonymous.fetch("oidc/login");
  const setCookie = String(begun.headers.get("set-cookie"));
  const there = await fetch(String(begun.headers.get("location")), { redirect: "manual" });
  const back = new URL(String(there.headers.get("location")));
  const cookie = change(back, String(setCookie.split(";")[0]));
  const done = await fetch(back, { redirect: "manual", headers: { cookie } });
  const session = done.headers.getSetCookie().find((one) => one.startsWith("vmbuilder_session="));
  const location = String(done.headers.get("location"));
  const ask = (method: string, path: string, body?: unknown, headers = {}) =>
    server.anonymous.ask(method, path, body, { cookie: String(session?.split(";")[0]), ...headers });
  return { begun, back, cookie, setCookie, done, session, location, ask };
}
const fault = async (...args: Parameters<typeof logInThere>) => {
  const { location, session, done } = await logInThere(...args);
  expect([done.status, session]).toEqual([303, undefined]);
  return location.replace(server.url, "");
};
const actions = async () =>
  (await server.admin.ask("GET", "audit?limit=200")).body.items as { action: string; user: string; detail: string }[];

describe("a login by the issuer", () => {
  it("is a session of a user that is made at the first, and the same at the second", async () => {
    expect((await server.anonymous.ask("GET", "session/methods")).body).toEqual({
      password: true,
      oidc: { title: "Example" },
    });
    const first = await logInThere();
    expect(first.setCookie).toMatch(/; Path=\/vmbuilder\/api\/oidc; Max-Age=600; HttpOnly; SameSite=Lax/);
    expect(first.location).toBe(server.url);
    expect(first.session).toMatch(/HttpOnly; SameSite=Strict/);
    const { body } = await first.ask("GET", "session");
    expect(body.user).toMatchObject({ name: "zoe", role: "viewer", hasPassword: false, oidc: "linked" });
    const exchange = issuer.exchanges.at(-1);
    expect(String(exchange?.form.get("code_verifier"))).toMatch(/^[\w-]{43}$/);
    expect(exchange?.form.get("client_secret")).toBeNull();

    issuer.next.claims.preferred_username = "renamed";
    expect((await (await logInThere()).ask("GET", "session")).body.user.name).toBe("zoe");
    const done = (await actions()).filter(({ user }) => user === "zoe").map(({ action }) => action);
    expect(done).toEqual(["login", "login", "accept by issuer"]);
  });

  it("ends by logging out, here and there", async () => {
    const { ask } = await logInThere();
    const { csrfToken } = (await ask("GET", "session")).body;
    const out = await ask("DELETE", "session", undefined, { "x-csrf-token": csrfToken });
    const there = new URL(out.body.endSessionUrl);
    expect([out.status, there.origin, there.searchParams.get("post_logout_redirect_uri")]).toEqual([
      200,
      issuer.url,
      server.url,
    ]);
    expect((await ask("GET", "session")).status).toBe(401);
    const local = await server.user("local", "viewer");
    expect((await local.ask("DELETE", "session")).status).toBe(204);
  });

  it("makes nobody of another site's making: state, nonce and browser must be those of the beginning", async () => {
    const otherState = (back: URL, cookie: string) => {
      back.searchParams.set("state", "x".repeat(43));
      return cookie;
    };
    expect(await fault(otherState)).toBe("#/login/invalid");
    expect(await fault((_, cookie) => cookie.replace(/\.[\w-]{43}\./, `.${"n".repeat(43)}.`))).toBe("#/login/invalid");
    expect(await fault((_, cookie) => cookie.replace(/[\w-]{43}$/, "v".repeat(43)))).toBe("#/login/invalid");
    expect(await fault(() => "")).toBe("#/login/stale");
    const used = await logInThere();
    const again = await fetch(used.back, { redirect: "manual", headers: { cookie: used.cookie } });
    expect(again.headers.get("location")).toBe(`${server.url}#/login/invalid`);
  });

  it.each([
    ["an ended token", (claims: Record<string, unknown>) => (claims.exp = Math.floor(Date.now() / 1000) - 1000)],
    ["a token for somebody else", (claims: Record<string, unknown>) => (claims.aud = "another client")],
    ["a token of another issuer", (claims: Record<string, unknown>) => (claims.iss = "https://evil.example.org")],
    ["a token of another login", (claims: Record<string, unknown>) => (claims.nonce = "another nonce")],
    ["a token without a nonce", (claims: Record<string, unknown>) => delete claims.nonce],
  ])("%s is refused", async (_, spoil) => {
    issuer.next.spoil = spoil;
    expect(await fault()).toBe("#/login/invalid");
    expect((await actions())[0]).toMatchObject({
      action: "login failed",
      detail: expect.stringContaining("is not right"),
    });
  });

  it("a foreign signature is refused, and a login that the issuer refuses", async () => {
    issuer.next.isForged = true;
    expect(await fault()).toBe("#/login/invalid");
    issuer.next = { sub: "s-1", claims: {}, error: "access_denied" };
    expect(await fault()).toBe("#/login/refused");
  });

  it("takes over nobody by a name, unless an admin has given that user to the issuer", async () => {
    await server.user("mallory", "builder");
    issuer.next = { sub: "s-2", claims: { preferred_username: "mallory" } };
    expect(await fault()).toBe("#/login/name-taken");
    expect((await server.admin.ask("PATCH", "users/mallory", { hasOidc: true })).body.oidc).toBe("awaited");
    issuer.next = { sub: "s-3", claims: { preferred_username: "mallory@elsewhere.example.org" } };
    expect(await fault()).toBe("#/login/name-taken");
    issuer.next = { sub: "s-2", claims: { preferred_username: "mallory" } };
    const { ask } = await logInThere();
    expect((await ask("GET", "session")).body.user).toMatchObject({ name: "mallory", role: "builder", oidc: "linked" });
    await server.admin.ask("PATCH", "users/mallory", { hasOidc: false });
    expect((await ask("GET", "session")).status).toBe(401);
    expect(await fault()).toBe("#/login/name-taken");
    issuer.next = { sub: "s-9", claims: { preferred_username: "漢字" } };
    expect(await fault()).toBe("#/login/name-unusable");
  });

  it("a disabled user stays outside", async () => {
    await server.admin.ask("PATCH", "users/zoe", { isDisabled: true });
    expect(await fault()).toBe("#/login/disabled");
    await server.admin.ask("PATCH", "users/zoe", { isDisabled: false });
  });
});

describe("rules", () => {
  it("give roles at each login, by claims of the token or of userinfo; without one nobody comes in", async () => {
    await server.restart("SIGTERM", options(...RULES));
    issuer.next = { sub: "s-1", claims: { preferred_username: "zoe", groups: ["makers", "others"] } };
    expect((await (await logInThere()).ask("GET", "session")).body.user.role).toBe("builder");
    issuer.next = { sub: "s-1", claims: {}, later: { preferred_username: "zoe", groups: "chiefs" } };
    expect((await (await logInThere()).ask("GET", "session")).body.user.role).toBe("admin");
    issuer.next = { sub: "s-1", claims: { preferred_username: "zoe", groups: ["others"] } };
    expect(await fault()).toBe("#/login/no-role");
    issuer.next = { sub: "s-4", claims: { preferred_username: "nick" } };
    expect(await fault()).toBe("#/login/no-role");
  });

  it("known users alone come in when the server says so", async () => {
    await server.restart("SIGTERM", options("--oidc-users", "known"));
    issuer.next = { sub: "s-5", claims: { preferred_username: "stranger" } };
    expect(await fault()).toBe("#/login/unknown");
    const { items } = (await server.admin.ask("GET", "users")).body;
    expect(items.map(({ name }: { name: string }) => name)).not.toContain("stranger");
    issuer.next = { sub: "s-1", claims: { preferred_username: "zoe" } };
    expect((await (await logInThere()).ask("GET", "session")).status).toBe(200);
  });
});

it("an issuer that is down stops nothing: local users come in, the page is told, and its return is noticed", async () => {
  const port = Number(new URL(issuer.url).port);
  await issuer.stop();
  await server.restart("SIGTERM");
  await until(() =>
    /warning: http:\S+ did not tell of itself: .*only users of this server/.test(server.output()) ? true : undefined,
  );
  const refused = await server.anonymous.fetch("oidc/login");
  expect([refused.status, refused.headers.get("location")]).toEqual([303, `${server.url}#/login/unreachable`]);
  expect((await server.admin.ask("GET", "session")).status).toBe(200);
  issuer = await startIssuer(port);
  issuer.next = { sub: "s-1", claims: { preferred_username: "zoe" } };
  expect((await (await logInThere()).ask("GET", "session")).body.user.name).toBe("zoe");
});

it("the secret is in no argument, log or database; wrong options are explained", async () => {
  expect(server.process.spawnargs.join(" ")).not.toContain(CLIENT.secret);
  expect(server.output()).not.toContain(CLIENT.secret);
  const wrong = async (...args: string[]) =>
    (await vmbuilder(["serve", "--port", "0", ...args])) as { status: number; stderr: string };
  for (const [args, said] of [
    [["--oidc-issuer", "http://login.example.org"], "client-id is missing"],
    [["--oidc-issuer", "http://login.example.org", "--oidc-client-id", "x"], "is no https address"],
    [["--oidc-client-id", "x"], "--oidc-issuer is missing"],
    [["--oidc-issuer", issuer.url, "--oidc-client-id", "x", "--oidc-secret-file", "/nothing"], "cannot read /nothing"],
    [
      ["--oidc-issuer", issuer.url, "--oidc-client-id", "x", "--oidc-role", "chief=x"],
      '"chief=x" is no role and value',
    ],
    [["--trust-proxy", "proxy"], '"proxy" is no address'],
  ] as const) {
    const { status, stderr } = await wrong(...args);
    expect(stderr).toContain(said);
    expect(status).toBe(2);
  }
});
