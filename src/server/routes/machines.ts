import { open } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { plainText } from "../../machines/console-log.ts";
import { MACHINE_FILES, type Machine } from "../../machines/machine.ts";
import { machineStatus } from "../../machines/status.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { machineViewSchema, showMachine } from "../http/machine-view.ts";
import { type Answer, type Route, route, type UserAsk } from "../http/route.ts";
import {
  createServed,
  madeMachine,
  openPorts,
  removeServed,
  restartServed,
  startServed,
  stopServed,
} from "../machines/machine-actions.ts";
import { planFacts } from "../machines/machine-facts.ts";
import { findImage } from "../store/images.ts";
import {
  addMachine,
  changeMachine,
  findServedMachine,
  listServedMachines,
  type ServedMachine,
} from "../store/machines.ts";
import { audit, listOf, owned, pageOf, pageQuery, seen, visibleTo } from "./common.ts";

const name = z.string().trim().min(1).max(100);
const flag = z.enum(["true", "false"]).default("false");
/** Ports of a machine that the server's own machine leads to. */
const ports = z
  .array(z.int().min(1).max(65_535))
  .max(16)
  .refine((all) => new Set(all).size === all.length, "names a port twice")
  .refine((all) => !all.includes(22), "names 22, but ssh has a port of its own");
const newMachine = z.strictObject({
  imageId: z.string().max(64),
  name: name.optional(),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/, "is no host name")
    .max(253)
    .optional(),
  memoryMb: z.int().min(64).max(1_048_576).optional(),
  cpus: z.int().min(1).max(256).optional(),
  isShared: z.boolean().default(false),
  isStarted: z.boolean().default(true),
  ports: ports.default([]),
});
const LOG_BYTES = 1024 ** 2;
const accepted = { 202: machineViewSchema };

/** Machines that this server runs. */
export const MACHINE_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/machines",
    summary: "Lists machines, the newest first",
    access: "user",
    query: z.object({ ...pageQuery, q: z.string().max(100).optional() }),
    answers: { 200: listOf(machineViewSchema) },
    async handle({ query, caller, server }) {
      const { q, cursor, limit } = query;
      const filter = { visibleTo: visibleTo(caller.user), text: q, before: cursor, limit };
      const machines = listServedMachines(server.database, filter);
      const views = await Promise.all(machines.map((one) => showMachine(one, caller.user, server)));
      return { status: 200, body: { ...pageOf(machines, limit, (one) => views[machines.indexOf(one)]) } };
    },
  }),
  route({
    method: "post",
    path: "/machines",
    summary: "Makes a machine from an image, and starts it",
    access: "builder",
    body: newMachine,
    answers: { 201: machineViewSchema },
    async handle(ask) {
      const { body, caller, server } = ask;
      const image = seen(findImage(server.database, body.imageId), caller.user, "image");
      if (image.removedAt !== null)
        throw new VmbuilderError("gone", "this image was removed", { hint: "restore it first" });
      const facts = await planFacts(image, body, server);
      const { user } = caller;
      const machine = addMachine(server.database, {
        ...{ owner: user.name, name: body.name ?? image.name, isShared: body.isShared, imageId: image.id, facts },
      });
      audit(ask, "create machine", machine.id, machine.name);
      const { hostname, memoryMb, cpus, isStarted } = body;
      createServed(machine, image, { hostname, memoryMb, cpus, ports: body.ports }, isStarted, server);
      return { status: 201, body: await showMachine(machine, user, server) };
    },
  }),
  route({
    method: "get",
    path: "/machines/{id}",
    summary: "Shows a machine",
    access: "user",
    answers: { 200: machineViewSchema },
    handle: (ask) => shown(ask, 200),
  }),
  route({
    method: "patch",
    path: "/machines/{id}",
    summary: "Changes its name, who sees it, or from its next start on the ports that lead to it",
    access: "builder",
    body: z.strictObject({ name: name.optional(), isShared: z.boolean().optional(), ports: ports.optional() }),
    answers: { 200: machineViewSchema },
    async handle(ask) {
      const served = ownedMachine(ask);
      const { ports, ...body } = ask.body;
      if (ports) await openPorts(served, ports, ask.server);
      changeMachine(ask.server.database, served.id, body);
      return shown(ask, 200);
    },
  }),
  route({
    method: "delete",
    path: "/machines/{id}",
    summary: "Switches a machine off and removes it for good",
    access: "builder",
    answers: { 204: undefined },
    async handle(ask) {
      const machine = ownedMachine(ask);
      audit(ask, "remove machine", machine.id, machine.name);
      await removeServed(machine, ask.server);
      return { status: 204 };
    },
  }),
  route({
    method: "post",
    path: "/machines/{id}/start",
    summary: "Starts a machine",
    access: "builder",
    answers: accepted,
    async handle(ask) {
      const { served, machine } = await controlled(ask, "stopped");
      startServed(served, machine, ask.server);
      audit(ask, "start machine", served.id, served.name);
      return shown(ask, 202);
    },
  }),
  route({
    method: "post",
    path: "/machines/{id}/stop",
    summary: "Shuts a machine down; with force it is switched off at once",
    access: "builder",
    body: z.strictObject({ force: z.boolean().default(false) }),
    answers: accepted,
    async handle(ask) {
      const { served, machine } = await controlled(ask, "running");
      await stopServed(served, machine, ask.body.force, ask.server);
      audit(ask, ask.body.force ? "switch machine off" : "stop machine", served.id, served.name);
      return shown(ask, 202);
    },
  }),
  route({
    method: "post",
    path: "/machines/{id}/restart",
    summary: "Stops a machine and starts it again",
    access: "builder",
    body: z.strictObject({ force: z.boolean().default(false) }),
    answers: accepted,
    async handle(ask) {
      const { served, machine } = await controlled(ask, "running");
      restartServed(served, machine, ask.body.force, ask.server);
      audit(ask, "restart machine", served.id, served.name);
      return shown(ask, 202);
    },
  }),
  route({
    method: "get",
    path: "/machines/{id}/log",
    summary: "Gives what the serial console showed since the last start, or the one before it",
    access: "user",
    query: z.object({ previous: flag }),
    answers: { 200: "text/plain" },
    async handle(ask) {
      const machine = await madeMachine(seenMachine(ask), ask.server);
      const file = ask.query.previous === "true" ? MACHINE_FILES.oldConsoleLog : MACHINE_FILES.consoleLog;
      const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
      return new Response(plainText(await readEnd(join(machine.directory, file))), { headers });
    },
  }),
  ...(["console", "screen"] as const).map((what) =>
    route({
      method: "get",
      path: `/machines/{id}/${what}`,
      summary: `Joins its ${what === "console" ? "serial console: bytes" : "screen: VNC, without a password"}, over a WebSocket`,
      access: "builder",
      answers: {},
      async handle(ask) {
        ownedMachine(ask);
        throw new VmbuilderError("upgrade-required", `the ${what} is a WebSocket`, {
          hint: "ask with Upgrade: websocket",
        });
      },
    }),
  ),
];

/** A machine that a caller may see. @throws not-found */
export function seenMachine({ params, caller, server }: UserAsk): ServedMachine {
  return seen(findServedMachine(server.database, params.id ?? ""), caller.user, "machine");
}

/** A machine that a caller may use. @throws not-found, forbidden */
export function ownedMachine({ params, caller, server }: Pick<UserAsk, "params" | "caller" | "server">): ServedMachine {
  return owned(findServedMachine(server.database, params.id ?? ""), caller.user, "machine");
}

/** The caller's machine as it lies in the store. @throws not-found, forbidden, conflict, machine-running, machine-stopped */
export async function controlled(
  ask: UserAsk,
  wanted?: "running" | "stopped",
): Promise<{ served: ServedMachine; machine: Machine }> {
  const served = ownedMachine(ask);
  const machine = await madeMachine(served, ask.server);
  const { state } = await machineStatus(machine);
  if (wanted === "stopped" && state === "running")
    throw new VmbuilderError("machine-running", `${served.name} runs already`);
  if (wanted === "running" && state === "stopped")
    throw new VmbuilderError("machine-stopped", `${served.name} does not run`, { hint: "start it" });
  return { served, machine };
}

/** The machine as it is now. */
export async function shown(ask: UserAsk, status: 200 | 202): Promise<Answer> {
  return { status, body: await showMachine(seenMachine(ask), ask.caller.user, ask.server) };
}

async function readEnd(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return "";
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, LOG_BYTES)), {
      position: Math.max(0, size - LOG_BYTES),
    });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
