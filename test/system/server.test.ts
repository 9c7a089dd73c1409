import { createHash, createHmac } from "node:crypto";
import { access, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Client,
  ended,
  logIn,
  PASSWORD,
  RECIPE,
  readEvents,
  startTestServer,
  type TestServer,
  until,
} from "../fixtures/server.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

let server: TestServer;
let olga: Client;
let ben: Client;
// biome-ignore lint/suspicious/noExplicitAny: an answer of the API
let image: any;
const hooks: { headers: Record<string, unknown>; body: string }[] = [];
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    hooks.push({ headers: request.headers, body });
    response.writeHead(request.url === "/inside" ? 302 : 200, { location: "http://127.0.0.1:1/" }).end();
  });
});
const SECRET = "hook secret";

beforeAll(async () => {
  await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));
  const hookHost = `127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  server = await startTestServer("disk", ["--allow-webhook", hookHost, "--allow-mirror", "mirror.example.org"]);
  olga = await server.user("olga", "builder");
  ben = await server.user("ben", "builder");
  const webhook = { url: `http://${hookHost}/hook`, secret: SECRET };
  const request = {
    recipe: { ...RECIPE, rootpass: "a secret password", firstboot: "hello.sh" },
    files: { "hello.sh": "#!/bin/sh\necho hello\n" },
    webhook,
  };
  const asked = await olga.ask("POST", "builds", request, { "idempotency-key": "one" });
  expect(asked.status).toBe(201);
  const again = await olga.ask("POST", "builds", request, { "idempotency-key": "one" });
  expect(again).toMatchObject({ status: 200, body: { id: asked.body.id } });
  const events = await readEvents(olga, `builds/${asked.body.id}/events`, () => false);
  expect(events.at(-1)).toMatchObject({ type: "end", data: { state: "succeeded" } });
  expect(events.filter(({ type }) => type === "step").map(({ data }) => data.step)).toContain("convert/qcow2");
  const build = await ended(olga, asked.body.id);
  image = (await olga.ask("GET", `images/${build.imageId}`)).body;
});
afterAll(async () => {
  receiver.close();
  await server?.close();
});

describe("a build through the API", () => {
  it("is a real machine, whose hash is that of the file", async () => {
    const disk = image.files.find(({ format }: { format: string }) => format === "qcow2");
    const response = await olga.fetch(new URL(disk.url, server.url).href);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes).toHaveLength(disk.sizeBytes);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(disk.sha256);
    expect(bytes.subarray(0, 4).toString("latin1")).toBe("QFI\xfb");
    expect(image.files.map(({ name }: { name: string }) => name)).not.toContain(".identity.json");
  });

  it("is told to its webhook once, with a signature", async () => {
    const hook = await until(() => hooks[0]);
    expect(hook.headers["x-vmbuilder-signature"]).toBe(
      `sha256=${createHmac("sha256", SECRET).update(hook.body).digest("hex")}`,
    );
    expect(JSON.parse(hook.body)).toMatchObject({ event: "build", build: { state: "succeeded", imageId: image.id } });
    await delay(2500);
    expect(hooks).toHaveLength(1);
  });

  it("leaves no password behind: not in the database, the folders, the log", async () => {
    const found = await run("grep", ["-rlF", "a secret password", join(server.folder, "data")]);
    expect(found.stdout).toBe("");
    const recipe = await olga.ask("GET", `builds/${image.buildId}/recipe`);
    expect(recipe.body).toMatchObject({
      hasSecrets: true,
      files: { "hello.sh": expect.stringContaining("echo hello") },
    });
    expect(recipe.body.yaml).not.toContain("rootpass");
    expect(await olga.ask("POST", `builds/${image.buildId}/retry`)).toMatchObject({
      status: 409,
      body: { error: { code: "gone" } },
    });
  });
});

describe("downloads", () => {
  const path = () => `images/${image.id}/files/manifest`;

  it("goes on where it was cut off, unless the file is another one", async () => {
    const whole = await (await olga.fetch(path())).text();
    const etag = `"${createHash("sha256").update(whole).digest("hex")}"`;
    const rest = await olga.fetch(path(), { headers: { "range": "bytes=100-", "if-range": etag } });
    expect([rest.status, rest.headers.get("content-range"), rest.headers.get("etag")]).toEqual([
      206,
      `bytes 100-${whole.length - 1}/${whole.length}`,
      etag,
    ]);
    expect(await rest.text()).toBe(whole.slice(100));
    expect((await olga.fetch(path(), { headers: { "range": "bytes=100-", "if-range": '"other"' } })).status).toBe(200);
    expect((await olga.fetch(path(), { headers: { range: "bytes=99999999-" } })).status).toBe(416);
    expect((await olga.fetch(path(), { headers: { "if-none-match": etag } })).status).toBe(304);
    const head = await olga.fetch(path(), { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), head.headers.get("accept-ranges")]).toEqual([
      200,
      String(whole.length),
      "bytes",
    ]);
  });

  it("gives nothing but files of the image", async () => {
    for (const name of [
      ".identity.json",
      "..%2f..%2fserver.sqlite",
      "%2e%2e/%2e%2e/server.sqlite",
      "manifest%00",
      "nothing",
    ])
      expect((await olga.fetch(`images/${image.id}/files/${name}`)).status, name).toBe(404);
  });

  it("is finished when the image is removed meanwhile", async () => {
    const disk = image.files.find(({ format }: { format: string }) => format === "qcow2");
    const response = await olga.fetch(`images/${image.id}/files/${disk.name}`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let length = (await reader.read()).value?.length ?? 0;
    const copy = await olga.ask("POST", "builds", { recipe: RECIPE });
    const build = await ended(olga, copy.body.id);
    const other = await olga.fetch(`images/${build.imageId}/files/test.qcow2`);
    expect((await olga.ask("DELETE", `images/${build.imageId}?now=true`)).status).toBe(204);
    const rest = await other.arrayBuffer();
    expect(rest.byteLength).toBe(Number(other.headers.get("content-length")));
    expect(await readdir(join(server.folder, "data/images"))).not.toContain(build.imageId);
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) length += piece.value.length;
    expect(length).toBe(disk.sizeBytes);
  });

  it("is open to whoever has a link, until it ends", async () => {
    const { body } = await olga.ask("POST", `images/${image.id}/links`, { expiresInSeconds: 60 });
    const shared = await fetch(body.url);
    expect(await shared.json()).toMatchObject({
      name: image.name,
      files: expect.arrayContaining([expect.objectContaining({ name: "manifest" })]),
    });
    expect((await fetch(`${body.url}/manifest`)).status).toBe(200);
    expect((await fetch(`${body.url}/.identity.json`)).status).toBe(404);
    expect((await olga.ask("DELETE", `images/${image.id}/links/${body.id}`)).status).toBe(204);
    expect((await fetch(`${body.url}/manifest`)).status).toBe(404);
  });
});

describe("what comes from elsewhere", () => {
  it("another site's page is refused, and a name that isn't the server's (DNS rebinding)", async () => {
    expect((await olga.ask("GET", "builds", undefined, { origin: "https://attacker.example.net" })).status).toBe(403);
    expect(await olga.ask("POST", "profiles", { name: "x", recipe: {} }, { "x-csrf-token": "wrong" })).toMatchObject({
      status: 403,
      body: { error: { code: "csrf" } },
    });
    const form = await olga.fetch("profiles", {
      method: "POST",
      body: "name=x",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(form.status).toBe(400);
    expect(
      await plain("GET /vmbuilder/api/healthz HTTP/1.1\r\nHost: attacker.example.net\r\nConnection: close\r\n\r\n"),
    ).toContain(" 421 ");
  });

  it("slow, giant and endless requests are cut off, and others are served meanwhile", async () => {
    const slow = plain("GET /vmbuilder/api/healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
    expect(
      await plain(`GET /vmbuilder/api/healthz HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
    ).toContain(" 431 ");
    const large = await olga.fetch("recipes/check", {
      method: "POST",
      body: `{"yaml":"${"x".repeat(13 * 1024 ** 2)}"}`,
      headers: { "content-type": "application/json" },
    });
    expect(large.status).toBe(413);
    const files = { "a": { base64: Buffer.alloc(8.5 * 1024 ** 2).toString("base64") } };
    expect(await olga.ask("POST", "recipes/check", { recipe: {}, files })).toMatchObject({
      status: 413,
      body: { error: { code: "too-large" } },
    });
    expect((await server.anonymous.ask("GET", "healthz")).status).toBe(200);
    expect(await slow).toContain(" 408 ");
  });

  it("a recipe reads no file of the server, and asks nobody that the server was not told of", async () => {
    const key = join(server.folder, "config.yaml");
    for (const recipe of [
      { "ssh-key": key },
      { "ssh-key": "../../server.sqlite" },
      { keyring: key },
      { exec: key },
      { "addpkg": "/x/y.deb" },
      { include: key },
      { raw: "/dev/sda" },
      { dest: "/tmp/x" },
      { "pass-file": key },
      { vars: { x: key }, "ssh-key": "$" + "{x}" },
      { "exec-network": true },
    ])
      expect(
        (await olga.ask("POST", "builds", { recipe: { ...RECIPE, ...recipe } })).status,
        JSON.stringify(recipe),
      ).toBe(400);
    const list = await olga.ask("POST", "builds", {
      recipe: { ...RECIPE, copy: "list" },
      files: { list: `${key} /etc/stolen\n` },
    });
    expect(list).toMatchObject({ status: 400, body: { error: { path: ["copy"] } } });
    for (const recipe of [
      { mirror: "http://127.0.0.1:22/" },
      { mirror: "http://169.254.0.1/x" },
      { mirror: "file:///etc" },
      { mirror: "/etc" },
      { proxy: "http://localhost:1" },
      { repositories: [{ uri: "http://[::1]/x", suite: "x" }] },
      { snapshot: ["http://10.0.0.1/"] },
      { ppa: "x/y" },
    ])
      expect(
        await olga.ask("POST", "builds", { recipe: { ...RECIPE, ...recipe } }),
        JSON.stringify(recipe),
      ).toMatchObject({ status: 403, body: { error: { code: "host-not-allowed" } } });
    const check = await olga.ask("POST", "recipes/check", {
      recipe: { ...RECIPE, mirror: "http://mirror.example.org/debian" },
    });
    expect(check.body).toMatchObject({ isValid: true, problems: [] });
    const hook = await olga.ask("POST", "builds", { recipe: RECIPE, webhook: { url: "http://127.0.0.1:22/" } });
    expect(hook).toMatchObject({ status: 403, body: { error: { code: "host-not-allowed" } } });
  });

  it("a name that is a script stays a text", async () => {
    const name = "<script>alert(1)</script>";
    const { body } = await olga.ask("PATCH", `images/${image.id}`, { name });
    expect(body.name).toBe(name);
    const response = await olga.fetch(`images/${image.id}`);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")).toContain("script-src 'self';");
    const log = await olga.fetch(`builds/${image.buildId}/log`);
    expect(log.headers.get("content-type")).toContain("text/plain");
  });

  it("the page's folder gives nothing else", async () => {
    for (const path of [
      "..%2fpackage.json",
      "%2e%2e/package.json",
      "assets/..%2f..%2f..%2fpackage.json",
      ".env",
      "//etc/passwd",
      "%ff",
    ])
      expect((await fetch(`${server.url}${path}`)).status, path).toBe(404);
  });
});

describe("people", () => {
  it("nothing is told without a login; guessed passwords are slowed down", async () => {
    expect((await server.anonymous.ask("GET", "builds")).status).toBe(401);
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++)
      statuses.push((await server.anonymous.ask("POST", "session", { user: "ben", password: `wrong ${i}` })).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
  });

  it("a session is dead after logout, its streams included", async () => {
    await server.restart("SIGTERM"); // whoever was slowed down may again
    const again = await logIn(server.api, "ben");
    const stream = readEvents(again, "events", () => false);
    await until(async () => ((await olga.ask("GET", "metrics")).body.includes("event_streams 1\n") ? true : undefined));
    expect((await again.ask("DELETE", "session")).status).toBe(204);
    await stream; // it ends
    expect((await again.ask("GET", "session")).status).toBe(401);
    expect((await ben.ask("GET", "session")).status).toBe(200);
  });

  it("an invitation works once; a disabled user is out at once", async () => {
    const { body } = await server.admin.ask("POST", "users", { name: "dora", role: "viewer" });
    const token = body.invitationUrl.split("/").at(-1);
    const dora = await server.anonymous.ask("POST", "invitation", { token, password: PASSWORD });
    expect(dora.status).toBe(200);
    expect((await server.anonymous.ask("POST", "invitation", { token, password: PASSWORD })).status).toBe(401);
    await server.admin.ask("PATCH", "users/dora", { isDisabled: true });
    const cookie = String(dora.headers.get("set-cookie")).split(";")[0];
    expect((await server.anonymous.ask("GET", "session", undefined, { cookie: String(cookie) })).status).toBe(401);
    expect(String(dora.headers.get("set-cookie"))).toMatch(/HttpOnly; SameSite=Strict/);
    expect(await server.admin.ask("PATCH", "users/admin", { role: "viewer" })).toMatchObject({ status: 409 });
  });

  it("is backed up and restored while it runs; the used first link is in no file", async () => {
    const data = join(server.folder, "data");
    expect(await readdir(data)).not.toContain("invitation");
    const backup = join(server.folder, "backup");
    const made = await vmbuilder(["server", "backup", backup, "--data-dir", data, "--json"]);
    expect(made).toMatchObject({ status: 0 });
    expect(JSON.parse(made.stdout)).toMatchObject({ type: "backup", file: backup });
    const again = await vmbuilder(["server", "backup", backup, "--data-dir", data]);
    expect({ ...again, stderr: again.stderr.split("\n")[0] }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("is there already"),
    });
    await server.admin.ask("PATCH", "users/dora", { role: "builder" });
    expect(await vmbuilder(["server", "restore", backup, "--data-dir", data])).toMatchObject({ status: 0 });
    const { body } = await server.admin.ask("GET", "users");
    expect(JSON.stringify(body)).toContain('"dora","role":"viewer"');
  });

  it("a token of the command line asks without a cookie, as its user", async () => {
    const made = await vmbuilder(["token", "create", "--user", "olga", "--data-dir", join(server.folder, "data")]);
    const headers = { authorization: `Bearer ${made.stdout.trim()}` };
    expect(await server.anonymous.ask("GET", "session", undefined, headers)).toMatchObject({
      status: 200,
      body: { user: { name: "olga" } },
    });
    expect((await server.anonymous.ask("GET", "users", undefined, headers)).status).toBe(403);
    const { body } = await olga.ask("GET", "tokens");
    await olga.ask("DELETE", `tokens/${body.items[0].id}`);
    expect((await server.anonymous.ask("GET", "session", undefined, headers)).status).toBe(401);
    expect(
      (await server.admin.ask("GET", "audit")).body.items.map(({ action }: { action: string }) => action),
    ).toContain("create token");
  });

  it("a quota holds", async () => {
    await server.admin.ask("PATCH", "users/olga", { quota: { images: 1 } });
    expect(await olga.ask("POST", "builds", { recipe: RECIPE })).toMatchObject({
      status: 422,
      body: { error: { code: "quota" } },
    });
    await server.admin.ask("PATCH", "users/olga", { quota: { images: 10 } });
  });
});

describe("wrong recipes", () => {
  it("every mistake is named with its field and place", async () => {
    const { body } = await olga.ask("POST", "recipes/check", { yaml: "mem: lots\nhostnam: x\ncpus: 0\n" });
    expect(body.problems).toMatchObject([
      { path: ["mem"], line: 1, column: 6 },
      { path: ["cpus"], line: 3, column: 7 },
      { path: ["hostnam"], line: 2, column: 1, hint: "did you mean hostname?" },
    ]);
    const both = await olga.ask("POST", "recipes/check", { recipe: { mem: 512, addpkg: ["vim"] } });
    expect(both.body).toMatchObject({ isValid: true, yaml: "mem: 512\naddpkg:\n  - vim\n" });
    expect(await olga.ask("POST", "builds", { recipe: { ...RECIPE, rootpass: undefined } })).toMatchObject({
      status: 400,
      body: { error: { code: "login-impossible" } },
    });
  });

  it("a profile may name a file, which is missing at its field until somebody brings it", async () => {
    const recipe = { hostname: "keyed", "ssh-key": "me.pub" };
    const { body: profile } = await olga.ask("POST", "profiles", { name: "keyed", recipe });
    const { body: without } = await olga.ask("POST", "recipes/check", { yaml: profile.yaml });
    expect(without.problems).toMatchObject([
      { path: ["ssh-key"], message: expect.stringContaining('"me.pub" is none of the files'), line: 2 },
    ]);
    const files = { "me.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6Zr5N8mWb0qXyOe0Yw0bq0x0u7bq0m2o4l8m9n0p1q me\n" };
    expect((await olga.ask("POST", "recipes/check", { yaml: profile.yaml, files })).body.problems).toEqual([]);
  });

  it("a plan tells what the cache has, and how long it will take", async () => {
    const { body } = await olga.ask("POST", "plans", { recipe: RECIPE });
    expect(body).toMatchObject({
      isCached: true,
      downloadBytes: 0,
      logins: ["root by password"],
      estimate: { basis: "measured" },
    });
    expect(body.packages).toBeGreaterThan(100);
  });
});

describe("what is killed", () => {
  it("server and worker by kill -9 in a build: it is built anew, published once, and nothing is left", async () => {
    const { body } = await olga.ask("POST", "builds", { recipe: { ...RECIPE, hostname: "survivor" } });
    const build = await until(async () => {
      const pids = await children(server.process.pid as number);
      const builds = (await Promise.all(pids.map((pid) => children(pid)))).flat();
      return builds.length > 0 ? { worker: pids, builds } : undefined;
    });
    for (const pid of [...build.worker, ...build.builds]) process.kill(pid, "SIGKILL");
    await server.restart("SIGKILL");
    const end = await ended(olga, body.id);
    expect(end).toMatchObject({ state: "succeeded", attempts: 2, error: null });
    const { items } = (await olga.ask("GET", "images?q=survivor")).body;
    expect(items).toHaveLength(1);
    await access(join(server.folder, "data/images", items[0].id, "survivor.qcow2"));
  });

  it("a build is cancelled: its processes end, and nothing is left", async () => {
    const { body } = await olga.ask("POST", "builds", { recipe: { ...RECIPE, hostname: "cancelled" } });
    await until(async () => ((await olga.ask("GET", `builds/${body.id}`)).body.state === "running" ? true : undefined));
    expect((await olga.ask("POST", `builds/${body.id}/cancel`)).status).toBe(202);
    expect(await ended(olga, body.id)).toMatchObject({ state: "cancelled", imageId: null });
    expect((await olga.ask("GET", "images?q=cancelled")).body.items).toEqual([]);
    const { items } = (await olga.ask("GET", "images?limit=200")).body;
    const folders = await readdir(join(server.folder, "data/images"));
    await until(async () =>
      (await readdir(join(server.folder, "data/images"))).length === items.length ? true : undefined,
    );
    expect(folders.length).toBeGreaterThan(0);
  });

  it("a stream goes on after its last event, and misses nothing", async () => {
    const { body } = await olga.ask("GET", "builds?limit=1");
    const path = `builds/${body.items[0].id}/events`;
    const all = await readEvents(olga, path, () => false);
    const middle = all[Math.floor((all.length - 1) / 2)]?.id ?? 0;
    const rest = await readEvents(olga, path, () => false, { "last-event-id": String(middle) });
    const wanted = all.filter(({ id, type }) => id > middle && type !== "build");
    expect(rest.filter(({ type }) => type !== "build").map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
    const last = { "last-event-id": String(all.at(-1)?.id) };
    expect((await readEvents(olga, path, () => false, last)).map(({ type }) => type)).toEqual(["end"]);
    const [first] = await readEvents(olga, path, (events) => events.length > 0, { "last-event-id": "999999999" });
    expect(first?.type).toBe("reset");
  });
});

/** Processes that a process has started. */
async function children(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** What the server answers to these bytes, until it closes. */
function plain(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.once("close", () => resolve(answer));
    socket.once("error", () => resolve(answer));
  });
}
