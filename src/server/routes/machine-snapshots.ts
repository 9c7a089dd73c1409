import * as z from "zod";
import { formatHtml } from "../../machines/reports/html.ts";
import { formatJunit } from "../../machines/reports/junit.ts";
import { formatTap } from "../../machines/reports/tap.ts";
import { listSnapshots } from "../../machines/snapshots.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { machineViewSchema } from "../http/machine-view.ts";
import { type Route, route } from "../http/route.ts";
import { madeMachine, snapshotServed, testServed } from "../machines/machine-actions.ts";
import { audit, listOf } from "./common.ts";
import { controlled, seenMachine, shown } from "./machines.ts";

const snapshotSchema = z
  .object({ name: z.string(), createdAt: z.iso.datetime(), hasMemory: z.boolean() })
  .meta({ id: "Snapshot" });
const snapshotName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "has other signs than letters, digits, ., _ and -, or is too long");
const runSchema = z
  .object({
    startedAt: z.iso.datetime(),
    seconds: z.number(),
    outcomes: z.array(
      z.object({
        name: z.string(),
        seconds: z.number(),
        failure: z.string().nullable(),
        said: z.string().nullable(),
      }),
    ),
    console: z.string().nullable(),
    screenPng: z.string().nullable(),
  })
  .meta({ id: "TestRun" });
const accepted = { 202: machineViewSchema };

/** States to which machines can be put back, and the tests of their recipes. */
export const MACHINE_SNAPSHOT_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/machines/{id}/snapshots",
    summary: "Lists a machine's snapshots, the oldest first",
    access: "user",
    answers: { 200: listOf(snapshotSchema) },
    async handle(ask) {
      const items = await listSnapshots(await madeMachine(seenMachine(ask), ask.server));
      return { status: 200, body: { items, next: null } };
    },
  }),
  route({
    method: "post",
    path: "/machines/{id}/snapshots",
    summary: "Takes a snapshot, with the memory when the machine runs",
    access: "builder",
    body: z.strictObject({ name: snapshotName }),
    answers: accepted,
    async handle(ask) {
      const { served, machine } = await controlled(ask);
      const { name } = ask.body;
      if ((await listSnapshots(machine)).some((one) => one.name === name))
        throw new VmbuilderError("snapshot-exists", `${served.name} has a snapshot ${name} already`, {
          hint: "choose another name",
        });
      snapshotServed(served, machine, "snapshot", name, ask.server);
      audit(ask, "snapshot machine", served.id, name);
      return shown(ask, 202);
    },
  }),
  ...(["restore", "remove"] as const).map((action) =>
    route({
      method: action === "restore" ? "post" : "delete",
      path: `/machines/{id}/snapshots/{snapshot}${action === "restore" ? "/restore" : ""}`,
      summary: action === "restore" ? "Puts a machine back to a snapshot" : "Removes a snapshot",
      access: "builder",
      answers: accepted,
      async handle(ask) {
        const { served, machine } = await controlled(ask);
        const name = ask.params.snapshot ?? "";
        if (!(await listSnapshots(machine)).some((one) => one.name === name))
          throw new VmbuilderError("snapshot-unknown", `${served.name} has no such snapshot`);
        snapshotServed(served, machine, action, name, ask.server);
        audit(ask, `${action} snapshot`, served.id, name);
        return shown(ask, 202);
      },
    }),
  ),
  route({
    method: "post",
    path: "/machines/{id}/tests",
    summary: "Runs the tests of a machine's recipe in a throwaway machine from the same base",
    access: "builder",
    answers: accepted,
    async handle(ask) {
      const { served, machine } = await controlled(ask);
      testServed(served, machine, ask.server);
      audit(ask, "test machine", served.id, served.name);
      return shown(ask, 202);
    },
  }),
  route({
    method: "get",
    path: "/machines/{id}/tests",
    summary: "Gives the results of the last tests",
    access: "user",
    query: z.object({ format: z.enum(["json", "junit", "tap", "html"]).default("json") }),
    answers: { 200: z.object({ last: runSchema.nullable() }) },
    async handle(ask) {
      const { testRun, name } = seenMachine(ask);
      const { format } = ask.query;
      if (format === "json") return { status: 200, body: { last: testRun && showRun(testRun) } };
      if (!testRun) throw new VmbuilderError("not-found", "this machine was not tested yet");
      const { type, suffix, write } = REPORTS[format];
      const file = `${name.replace(/[^A-Za-z0-9._-]/g, "-")}-tests.${suffix}`;
      const headers = { "content-type": type, "content-disposition": `attachment; filename="${file}"` };
      return new Response(write([testRun]), { headers: { ...headers, "cache-control": "no-store" } });
    },
  }),
];

const REPORTS = {
  junit: { type: "application/xml", suffix: "xml", write: formatJunit },
  tap: { type: "text/plain; charset=utf-8", suffix: "tap", write: formatTap },
  html: { type: "text/html; charset=utf-8", suffix: "html", write: formatHtml },
} as const;

type Run = Parameters<typeof formatTap>[0][number];

function showRun({ startedAt, seconds, outcomes, evidence }: Run): z.output<typeof runSchema> {
  return {
    ...{ startedAt, seconds, console: evidence?.console ?? null, screenPng: evidence?.screenPng ?? null },
    outcomes: outcomes.map(({ failure = null, said = null, ...one }) => ({ ...one, failure, said })),
  };
}
