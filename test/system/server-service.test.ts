/** What a service does: TLS by files, systemd's socket, a stop while people are served, hooks that fail, streams that nobody reads. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { type AddressInfo, connect, createServer as createSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, ended, RECIPE, readEvents, startTestServer, type TestServer, until } from "../fixtures/server.ts";
import { run, VMBUILDER } from "../fixtures/vmbuilder.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-service-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `vmbuilder serve` with nothing built: it is there within a second. */
function serve(
  name: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; fd?: number; argv0?: string[] } = {},
) {
  const [program = "", ...before] = options.argv0 ?? [VMBUILDER];
  const child = spawn(program, [...before, "serve", "--data-dir", join(folder, name), ...args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", ...(options.fd === undefined ? [] : [options.fd])],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const url = () =>
    until(() => {
      const found = /serves (\S+)/.exec(output)?.[1];
      if (!found && child.exitCode !== null) throw new Error(output);
      return found;
    });
  return { child, url, output: () => output };
}
const stop = (child: ChildProcess, signal: NodeJS.Signals = "SIGTERM") =>
  new Promise<number | null>((resolve) => {
    if (child.exitCode !== null) return resolve(child.exitCode);
    child.once("exit", (status) => resolve(status));
    child.kill(signal);
  });

describe("TLS by files", () => {
  const files = () => ({ certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") });

  it("serves over it, says so to browsers, and keeps cookies to it", async () => {
    const { certificate, key } = files();
    const made = await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
    ]);
    expect(made.status, made.stderr).toBe(0);
    const { child, url, output } = serve("tls", ["--port", "0", "--tls-cert", certificate, "--tls-key", key]);
    try {
      const address = new URL(await url());
      expect(address.protocol).toBe("https:");
      const ask = (path: string, body?: unknown) =>
        new Promise<IncomingMessage>((resolve, reject) => {
          const options = { port: address.port, host: "localhost", path, rejectUnauthorized: false };
          const headers = { "content-type": "application/json" };
          const asked = secureRequest({ ...options, headers, method: body ? "POST" : "GET" }, resolve);
          asked.once("error", reject);
          asked.end(body ? JSON.stringify(body) : undefined);
        });
      const health = await ask("/vmbuilder/api/healthz");
      expect([health.statusCode, health.headers["strict-transport-security"]]).toEqual([200, "max-age=31536000"]);
      const token = /invitation\/(\S+)/.exec(output())?.[1];
      const session = await ask("/vmbuilder/api/invitation", { token, password: "correct horse battery" });
      expect(String(session.headers["set-cookie"])).toMatch(/; HttpOnly; SameSite=Strict; Secure$/);
    } finally {
      await stop(child);
    }
  });

  it("explains a port that is taken, and ends", async () => {
    const other = createSocket();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const { child, output } = serve("taken", ["--port", String((other.address() as AddressInfo).port)]);
    await new Promise((resolve) => child.once("close", resolve));
    other.close();
    expect([child.exitCode, output()]).toEqual([1, expect.stringMatching(/another program listens there.*\n +hint: /)]);
  });

  it("explains files that are missing or no key, in one line", async () => {
    const { certificate } = files();
    for (const key of ["/nothing", VMBUILDER]) {
      const { child, output } = serve("tls", ["--port", "0", "--tls-cert", certificate, "--tls-key", key]);
      await new Promise((resolve) => child.once("close", resolve));
      expect(child.exitCode, key).toBe(2);
      expect(output(), key).toMatch(new RegExp(`^vmbuilder: .*${key.replaceAll(".", "\\.")}`, "m"));
      expect(output()).not.toMatch(/^\s+at /m);
    }
  });
});

describe("systemd's socket", () => {
  it("is taken from LISTEN_FDS: whatever came before the start is answered", async () => {
    const socket = createSocket();
    await new Promise<void>((listening) => socket.listen(0, "127.0.0.1", listening));
    const { port } = socket.address() as AddressInfo;
    // biome-ignore lint/suspicious/noExplicitAny: node has no other way to a listening socket's number
    const fd = (socket as any)._handle.fd as number;
    // LISTEN_PID is the number of the very process, which a shell passes on by exec.
    const shell = ["sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"', VMBUILDER];
    const { child, url } = serve("socket", ["--port", "1"], { env: { LISTEN_FDS: "1" }, fd, argv0: shell });
    await new Promise((resolve) => socket.close(resolve)); // the server alone has it now, as from systemd
    const early = fetch(`http://127.0.0.1:${port}/vmbuilder/api/healthz`);
    try {
      expect(new URL(await url()).port).toBe(String(port));
      expect((await early).status).toBe(200);
    } finally {
      expect(await stop(child)).toBe(0);
    }
  });
});

describe("with a server that builds", () => {
  let server: TestServer;
  let olga: Client;
  const hooks: { at: number; path: string; id: unknown }[] = [];
  const receiver = createServer((request, response) => {
    request.resume();
    hooks.push({ at: Date.now(), path: request.url ?? "", id: request.headers["x-vmbuilder-delivery"] });
    const failures = hooks.filter(({ path }) => path === request.url).length;
    const status = request.url === "/moved" ? 302 : failures < 3 ? 503 : 200;
    response.writeHead(status, { location: `${hookBase}/elsewhere` }).end();
  });
  let hookBase = "";

  beforeAll(async () => {
    await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));
    hookBase = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    server = await startTestServer("disk", ["--allow-webhook", new URL(hookBase).host]);
    olga = await server.user("olga", "builder");
  });
  afterAll(async () => {
    receiver.close();
    await server?.close();
  });
  const database = () => new DatabaseSync(join(server.folder, "data/server.sqlite"), { timeout: 5000 });
  const build = async (hook: string) => {
    const { body } = await olga.ask("POST", "builds", { recipe: RECIPE, webhook: { url: hook } });
    return ended(olga, body.id);
  };

  it("tells a hook again after ten seconds and a minute, by the same id, until it has heard", async () => {
    await build(`${hookBase}/deaf`);
    const of = (path: string) => hooks.filter((hook) => hook.path === path);
    await until(() => (of("/deaf").length === 2 ? true : undefined));
    const [first, second] = of("/deaf");
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(9_900);
    const other = database();
    const row = () => other.prepare("SELECT * FROM deliveries ORDER BY rowid DESC LIMIT 1").get();
    await until(() => (Number(row()?.attempts) === 2 ? true : undefined));
    expect(Number(row()?.dueAt) - Date.now()).toBeGreaterThan(45_000);
    expect(row()).toMatchObject({ outcome: "status 503", doneAt: null });
    other.exec("UPDATE deliveries SET dueAt = 0"); // a minute later
    await until(() => (row()?.doneAt ? true : undefined));
    expect(row()).toMatchObject({ attempts: 3, outcome: "delivered" });
    other.close();
    expect(new Set(of("/deaf").map(({ id }) => id)).size).toBe(1);
  });

  it("follows no redirect, and tells nobody who is not allowed any more", async () => {
    await build(`${hookBase}/moved`);
    await until(() => (hooks.some(({ path }) => path === "/moved") ? true : undefined));
    await delay(500);
    expect(hooks.filter(({ path }) => path === "/elsewhere")).toEqual([]);
    await server.restart("SIGTERM", ["--allow-webhook", "hooks.example.org"]);
    const seen = hooks.length;
    const other = database();
    other.exec("UPDATE deliveries SET dueAt = 0, attempts = 0, doneAt = NULL");
    await until(() => (other.prepare("SELECT 1 FROM deliveries WHERE doneAt IS NULL").get() ? undefined : true));
    expect(other.prepare("SELECT DISTINCT outcome FROM deliveries").all()).toEqual([
      { outcome: "its host is not allowed any more" },
    ]);
    other.close();
    expect(hooks).toHaveLength(seen);
  });

  it("stops while a stream and a download run: both end, a build waits for the next start", async () => {
    const first = await ended(olga, (await olga.ask("POST", "builds", { recipe: RECIPE })).body.id);
    const download = await olga.fetch(`images/${first.imageId}/files/test.qcow2`);
    const stream = readEvents(olga, "events", () => false).then(
      () => "ended",
      () => "cut off",
    );
    await until(async () => ((await olga.ask("GET", "metrics")).body.includes("event_streams 1\n") ? true : undefined));
    const { body } = await olga.ask("POST", "builds", { recipe: { ...RECIPE, hostname: "waits" } });
    await until(async () => ((await olga.ask("GET", `builds/${body.id}`)).body.state === "running" ? true : undefined));
    const startedAt = Date.now();
    const bytes = download.arrayBuffer();
    const restarted = server.restart("SIGTERM");
    expect(await stream).toBe("ended");
    expect((await bytes).byteLength).toBe(Number(download.headers.get("content-length")));
    await restarted;
    expect(server.process.exitCode).toBeNull();
    expect(Date.now() - startedAt).toBeLessThan(25_000);
    expect(await ended(olga, body.id)).toMatchObject({ state: "succeeded", error: null });
    expect((await readdir(join(server.folder, "data/images"))).length).toBe(
      (await server.admin.ask("GET", "images?limit=200")).body.items.length,
    );
  });

  it("bears streams that nobody reads, and caps those of one user", async () => {
    const port = Number(new URL(server.url).port);
    const sockets: Socket[] = [];
    const openStream = () =>
      new Promise<string>((resolve) => {
        const socket = connect(port, "127.0.0.1", () =>
          socket.write(`GET /vmbuilder/api/events HTTP/1.1\r\nHost: localhost\r\nCookie: ${olga.cookie}\r\n\r\n`),
        );
        sockets.push(socket);
        socket.once("data", (chunk: Buffer) => {
          socket.pause();
          resolve(chunk.toString("latin1").slice(9, 12));
        });
        socket.on("error", () => {});
      });
    try {
      const statuses: string[] = [];
      for (let i = 0; i < 1150; i += 50) statuses.push(...(await Promise.all(Array.from({ length: 50 }, openStream))));
      expect(statuses.filter((status) => status === "200")).toHaveLength(1100);
      expect(statuses.slice(-50)).toEqual(Array.from({ length: 50 }, () => "429"));
      const other = await server.user("ben", "builder");
      const heard = readEvents(other, "events", (events) => events.length > 0);
      await delay(200);
      await other.ask("POST", "profiles", { name: "x", recipe: {} });
      expect((await heard)[0]).toMatchObject({ type: "profile" });
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await until(async () =>
      (await server.admin.ask("GET", "metrics")).body.includes("event_streams 0\n") ? true : undefined,
    );
  });

  it("cuts off who does not read what it has to say, and serves the others", async () => {
    const deaf = connect(Number(new URL(server.url).port), "127.0.0.1");
    deaf.on("error", () => {});
    deaf.write(`GET /vmbuilder/api/events HTTP/1.1\r\nHost: localhost\r\nCookie: ${olga.cookie}\r\n\r\n`);
    deaf.pause();
    const streams = async (count: number) =>
      until(async () =>
        (await server.admin.ask("GET", "metrics")).body.includes(`event_streams ${count}\n`) ? true : undefined,
      );
    await streams(1);
    const listening = readEvents(olga, "events", (events) => events.length >= 250);
    await streams(2);
    const other = database();
    const add = other.prepare("INSERT INTO events (at, type, subject, data) VALUES (?, 'removed', ?, ?)");
    for (let i = 0; i < 250; i++) {
      const data = { kind: "build", id: "x".repeat(60_000), owner: "olga", isShared: false };
      add.run(Date.now(), `x${i}`, JSON.stringify(data)); // 15 MB in all: more than sockets hold
      if (i % 2 === 1) await delay(150);
    }
    other.close();
    expect(await listening).toHaveLength(250);
    await streams(0);
    deaf.destroy();
  });

  it("two servers of one data folder publish a build once, and so does a worker that was frozen past its lease", async () => {
    const second = spawn(
      VMBUILDER,
      ["serve", "--port", "0", "--data-dir", join(server.folder, "data"), "--cache-dir", join(server.folder, "cache")],
      {
        env: { ...process.env, VMBUILDER_USER_CONFIG: join(server.folder, "config.yaml") },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    try {
      await new Promise((resolve) => second.stdout.once("data", resolve));
      const ids = [];
      for (const name of ["one", "two", "three"])
        ids.push((await olga.ask("POST", "builds", { recipe: { ...RECIPE, hostname: name } })).body.id);
      for (const id of ids) expect(await ended(olga, id)).toMatchObject({ state: "succeeded", attempts: 1 });
      const { items } = (await olga.ask("GET", "images?limit=200")).body;
      for (const name of ["one", "two", "three"])
        expect(items.filter((one: { name: string }) => one.name === name)).toHaveLength(1);
      // A worker that is frozen past its lease, and comes back when another has built for it.
      const workers = [...(await children(server.process.pid)), ...(await children(second.pid))];
      const { body } = await olga.ask("POST", "builds", { recipe: { ...RECIPE, hostname: "frozen" } });
      const frozen = await until(async () => {
        for (const worker of workers) {
          const builds = await children(worker);
          if (builds.length > 0) return [worker, ...builds];
        }
        return undefined;
      });
      for (const pid of frozen) process.kill(pid, "SIGSTOP");
      const end = await ended(olga, body.id);
      expect(end).toMatchObject({ state: "succeeded", attempts: 2, error: null });
      for (const pid of frozen)
        try {
          process.kill(pid, "SIGCONT");
        } catch {
          // the build was ended by who took over
        }
      await delay(3000);
      expect((await olga.ask("GET", `builds/${body.id}`)).body).toMatchObject({
        state: "succeeded",
        imageId: end.imageId,
      });
      const found = (await olga.ask("GET", "images?q=frozen")).body.items;
      expect(found.map(({ id }: { id: string }) => id)).toEqual([end.imageId]);
      await until(async () => {
        const folders = await readdir(join(server.folder, "data/images"));
        return folders.length === (await server.admin.ask("GET", "images?limit=200")).body.items.length || undefined;
      });
    } finally {
      await stop(second);
    }
  });
});

/** Processes that a process has started. */
async function children(pid: number | undefined): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim().split(" ").filter(Boolean).map(Number);
}
