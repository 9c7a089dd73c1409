/**
 * Machines of the server, by its API: real qemu, real WebSockets. What boots is a boot sector of a few bytes, so that the
 * file takes seconds; `make test-served` boots a system.
 */
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { GREETING, writeBootSector } from "../fixtures/boot-sector.ts";
import {
  type Answer,
  type Client,
  ended,
  RECIPE,
  startTestServer,
  type TestServer,
  until,
} from "../fixtures/server.ts";

let server: TestServer;
let olga: Client;
let ben: Client;
let imageId = "";
let id = "";
let token = "";

beforeAll(async () => {
  server = await startTestServer("disk");
  olga = await server.user("olga", "builder");
  ben = await server.user("ben", "builder");
  const recipe = { ...RECIPE, tests: [{ command: "true" }] };
  const { body, status } = await olga.ask("POST", "builds", { recipe });
  expect({ status, error: body.error }).toEqual({ status: 201, error: null });
  const build = await ended(olga, body.id);
  expect(build.error).toBeNull();
  imageId = build.imageId;
  token = (await olga.ask("POST", "tokens", { name: "test" })).body.token;
});
afterAll(async () => {
  for (const { id } of (await server.admin.ask("GET", "machines")).body.items)
    await server.admin.ask("DELETE", `machines/${id}`);
  await server.close();
});

const folder = () => join(server.folder, "data/machines/machines", id);
/** The machine as soon as nothing is under way with it. */
const settled = (): Promise<Answer["body"]> =>
  until(async () => {
    const { body } = await olga.ask("GET", `machines/${id}`);
    return body.busy === null ? body : undefined;
  });
const act = async (action: string, body?: unknown) => {
  const answer = await olga.ask("POST", `machines/${id}/${action}`, body);
  expect(answer.body.error ?? null).toBeNull();
  expect(answer.status).toBe(202);
  return settled();
};
/** One that has ended, but whose parent didn't ask yet, is no more. */
const isAlive = async (pid: number) =>
  /^State:\s+[^ZX]/m.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));
const pidOf = async () => Number(await readFile(join(folder(), "qemu.pid"), "utf8"));

/** A WebSocket, and what came over it. */
function open(what: string, headers: Record<string, string>) {
  const socket = new WebSocket(`${server.api.replace("http:", "ws:")}machines/${id}/${what}`, { headers });
  let text = "";
  socket.on("message", (data: Buffer) => (text += data.toString("latin1")));
  const opened = new Promise<number>((resolve) => {
    socket.once("open", () => resolve(101));
    socket.once("unexpected-response", (_, response) => resolve(response.statusCode ?? 0));
  });
  socket.on("error", () => {});
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  return {
    opened,
    closed,
    type: (words: string) => socket.send(words),
    waitFor: (words: string) => until(() => (text.includes(words) ? text : undefined), 20_000),
    close: () => socket.close(),
  };
}
const isListening = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
const byToken = () => ({ authorization: `Bearer ${token}` });
const byCookie = (origin?: string) => ({ cookie: olga.cookie, ...(origin === undefined ? {} : { origin }) });

describe("a machine", () => {
  it("is made from an image, with ids of its own and vmbuilder's key", async () => {
    const made = await olga.ask("POST", "machines", { imageId, name: "mine", memoryMb: 128, isStarted: false });
    expect(made).toMatchObject({
      status: 201,
      body: { name: "mine", state: "creating", busy: "create", memoryMb: 128 },
    });
    id = made.body.id;
    expect(await settled()).toMatchObject({ state: "stopped", error: null, tests: { count: 1, last: null } });
    const identity = JSON.parse(await readFile(join(folder(), ".identity.json"), "utf8"));
    const built = JSON.parse(await readFile(join(server.folder, "data/images", imageId, ".identity.json"), "utf8"));
    expect(identity.rootSshKeys.at(-1)).toBe(
      (await readFile(join(server.folder, "data/machines/id_ed25519.pub"), "utf8")).trim(),
    );
    expect(identity.rootPasswordHash).toBe(built.rootPasswordHash);
    const spec = JSON.parse(await readFile(join(folder(), "machine.json"), "utf8"));
    expect(spec.cards[0].netdev).toContain("restrict=on");
  });

  it("takes ports to lead to, which only those who may use it see", async () => {
    expect((await olga.ask("PATCH", `machines/${id}`, { ports: [80, 80] })).status).toBe(400);
    expect((await olga.ask("PATCH", `machines/${id}`, { ports: [0] })).status).toBe(400);
    expect((await olga.ask("PATCH", `machines/${id}`, { ports: [22] })).status).toBe(400);
    const { body } = await olga.ask("PATCH", `machines/${id}`, { ports: [80, 5432] });
    const ports = [80, 5432].map((port) => ({ port, hostPort: null }));
    expect(body).toMatchObject({ ssh: null, ports });
    expect((await ben.ask("PATCH", `machines/${id}`, { ports: [81] })).status).toBe(404);
    await olga.ask("PATCH", `machines/${id}`, { isShared: true });
    expect((await ben.ask("GET", `machines/${id}`)).body).toMatchObject({ ssh: null, ports: [] });
    await olga.ask("PATCH", `machines/${id}`, { isShared: false });
    expect((await olga.ask("GET", `machines/${id}`)).body.ports).toEqual(ports);
  });

  it("starts, and its console is typed into by several at once", async () => {
    await writeBootSector(join(folder(), "test.qcow2"));
    const started = await act("start");
    expect(started).toMatchObject({ state: "running", accelerator: expect.any(String) });
    const hostPorts = [started.ssh.hostPort, ...started.ports.map((one: { hostPort: number }) => one.hostPort)];
    expect(new Set(hostPorts).size).toBe(3);
    for (const port of hostPorts) expect(await isListening(port), String(port)).toBe(true);
    const one = open("console", byToken());
    expect(await one.opened).toBe(101);
    await one.waitFor(GREETING);
    one.type("hello");
    await one.waitFor("HELLO");
    const other = open("console", byCookie(new URL(server.url).origin));
    await other.waitFor("HELLO");
    other.type("again");
    await Promise.all([one.waitFor("AGAIN"), other.waitFor("AGAIN")]);
    one.close();
    other.close();
    expect((await olga.ask("GET", `machines/${id}/log`)).body).toContain(`${GREETING}HELLOAGAIN`);
  });

  it("shows its screen by VNC", async () => {
    const screen = open("screen", byToken());
    await screen.waitFor("RFB 003.008");
    screen.close();
  });

  it("opens no console to others, to pages of other sites, or without a login", async () => {
    const { origin } = new URL(server.url);
    expect(await open("console", {}).opened).toBe(401);
    expect(await open("console", { cookie: ben.cookie, origin }).opened).toBe(404);
    expect(await open("console", byCookie("http://evil.example.org")).opened).toBe(403);
    expect(await open("console", byCookie()).opened).toBe(403);
    expect(await open("console", { ...byCookie(origin), host: "evil.example.org" }).opened).toBe(421);
    expect(await open("nothing", byToken()).opened).toBe(404);
  });

  it("goes on from a snapshot with its memory", async () => {
    const console = open("console", byToken());
    await console.opened;
    expect(await act("snapshots", { name: "before" })).toMatchObject({ state: "running", error: null });
    console.type("later");
    await console.waitFor("LATER");
    expect(await act("snapshots/before/restore")).toMatchObject({ state: "running", error: null });
    console.type("back");
    await console.waitFor("BACK");
    console.close();
    expect((await olga.ask("POST", `machines/${id}/snapshots`, { name: "before" })).status).toBe(409);
    expect((await olga.ask("GET", `machines/${id}/snapshots`)).body.items).toMatchObject([
      { name: "before", hasMemory: true },
    ]);
    expect((await olga.ask("DELETE", `machines/${id}/snapshots/before`)).status).toBe(202);
    await settled();
    expect((await olga.ask("GET", `machines/${id}/snapshots`)).body.items).toEqual([]);
  });

  it("outlives the server, killed or stopped", async () => {
    const pid = await pidOf();
    await server.restart("SIGKILL");
    await server.restart("SIGTERM");
    expect(await isAlive(pid)).toBe(true);
    expect(await settled()).toMatchObject({ state: "running" });
    const console = open("console", byToken());
    await console.opened;
    console.type("still");
    await console.waitFor("STILL");
    console.close();
  });

  it("is switched off while it doesn't heed its power button, and its viewers learn of it", async () => {
    const pid = await pidOf();
    const console = open("console", byToken());
    await console.waitFor(GREETING);
    expect((await olga.ask("POST", `machines/${id}/stop`, {})).body.busy).toBe("stop");
    expect((await olga.ask("POST", `machines/${id}/snapshots`, { name: "no" })).body.error.code).toBe("conflict");
    expect(await act("stop", { force: true })).toMatchObject({ state: "stopped", error: null });
    expect(await console.closed).toBe(1001);
    expect(await isAlive(pid)).toBe(false);
    expect((await olga.ask("POST", `machines/${id}/stop`, {})).body.error.code).toBe("machine-stopped");
    expect(await open("console", byToken()).opened).toBe(409);
  });

  it("tells of its end by itself", async () => {
    await act("start");
    process.kill(await pidOf(), "SIGKILL");
    await until(async () => ((await olga.ask("GET", `machines/${id}`)).body.state === "stopped" ? true : undefined));
    expect((await olga.ask("GET", `machines/${id}`)).body.ended).toBe("by itself");
  });

  it("stays when its image is removed, and goes with its folder and its tests", async () => {
    expect((await olga.ask("DELETE", `images/${imageId}?now=true`)).status).toBe(204);
    expect(await act("start")).toMatchObject({ state: "running", error: null });
    const pid = await pidOf();
    expect((await olga.ask("POST", `machines/${id}/tests`)).body.tests.isRunning).toBe(true);
    expect((await olga.ask("DELETE", `machines/${id}`)).status).toBe(204);
    expect(await isAlive(pid)).toBe(false);
    await expect(stat(folder())).rejects.toThrow();
    expect((await olga.ask("GET", `machines/${id}`)).status).toBe(404);
    const { body } = await server.admin.ask("GET", "audit?limit=200");
    const actions = body.items.map((one: { action: string }) => one.action);
    for (const action of ["create machine", "start machine", "switch machine off", "test machine", "remove machine"])
      expect(actions).toContain(action);
  });
});

it("refuses more machines than a quota allows, and more memory than there is", async () => {
  const { body } = await olga.ask("POST", "builds", { recipe: RECIPE });
  const build = await ended(olga, body.id);
  await server.admin.ask("PATCH", "users/olga", { quota: { machines: 1 } });
  const made = await olga.ask("POST", "machines", { imageId: build.imageId, memoryMb: 1_000_000 });
  id = made.body.id;
  expect(await settled()).toMatchObject({ state: "stopped", error: { code: "memory-short" } });
  expect(await olga.ask("POST", "machines", { imageId: build.imageId })).toMatchObject({
    status: 422,
    body: { error: { code: "quota" } },
  });
  expect((await ben.ask("POST", "machines", { imageId: build.imageId })).status).toBe(404);
});
