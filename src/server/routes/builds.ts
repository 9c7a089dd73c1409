import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { answerJson } from "../http/direct-answer.ts";
import { lastEventId } from "../http/event-feed.ts";
import { type Answer, type Route, route, type UserAsk } from "../http/route.ts";
import { buildSchema, PRIORITIES, showBuild } from "../http/views.ts";
import { JOB_STATES, type Job } from "../jobs/job.ts";
import { retryBuild, submitBuild } from "../jobs/submit-build.ts";
import { readKept } from "../recipes/recipe-folder.ts";
import { recipeInput } from "../recipes/recipe-input.ts";
import { audit, listOf, owned, pageOf, pageQuery, seen, visibleTo } from "./common.ts";

const priority = z.enum(["low", "normal", "high"]);
const webhook = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(2048),
  secret: z.string().max(256).optional(),
});
const newBuild = z.strictObject({
  ...recipeInput,
  name: z.string().trim().min(1).max(100).optional(),
  priority: priority.default("normal"),
  allowNoLogin: z.boolean().default(false),
  isShared: z.boolean().default(false),
  webhook: webhook.optional(),
});
const listQuery = z.object({
  ...pageQuery,
  q: z.string().max(100).optional(),
  state: z.enum(JOB_STATES).optional(),
  owner: z.string().max(64).optional(),
});
export const keptRecipe = z
  .object({
    recipe: z.record(z.string(), z.unknown()),
    yaml: z.string(),
    fileNames: z.array(z.string()),
    files: z.record(z.string(), z.union([z.string(), z.object({ base64: z.string() })])).optional(),
    hasSecrets: z.boolean().optional(),
  })
  .meta({ id: "KeptRecipe" });

/** What is built, was, and will be. */
export const BUILD_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/builds",
    summary: "Lists builds, the newest first",
    access: "user",
    query: listQuery,
    answers: { 200: listOf(buildSchema) },
    async handle({ query, caller, server }) {
      const { q, state, owner, cursor, limit } = query;
      const { name, role } = caller.user;
      const filter = { visibleTo: visibleTo(caller.user), owner, state, text: q, before: cursor, limit };
      const list = async () => {
        const jobs = await server.jobs.list(filter);
        const positions = await Promise.all(jobs.map((job) => positionOf(job, server.jobs)));
        return JSON.stringify(pageOf(jobs, limit, (job) => showBuild(job, caller.user, positions[jobs.indexOf(job)])));
      };
      const key = JSON.stringify([name, role, filter]);
      const text = await server.lists.get(await server.jobs.version(), key, list);
      return answerJson(text, 200, { "cache-control": "no-store" });
    },
  }),
  route({
    method: "post",
    path: "/builds",
    summary: "Puts a build into the queue",
    access: "builder",
    headers: { "Idempotency-Key": "the same request with the same key is the same build" },
    body: newBuild,
    answers: { 200: buildSchema, 201: buildSchema },
    async handle(ask) {
      const { body, caller, server, request } = ask;
      const idempotencyKey = request.headers.get("idempotency-key") ?? undefined;
      if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,128}$/.test(idempotencyKey))
        throw new VmbuilderError("usage", "Idempotency-Key must be at most 128 letters, digits and signs");
      const submission = { ...body, priority: PRIORITIES[body.priority], idempotencyKey };
      const { job, isNew } = await submitBuild(submission, caller.user, server);
      if (isNew) audit(ask, "build", job.id, job.name);
      return shown(ask, job, isNew ? 201 : 200);
    },
  }),
  route({
    method: "get",
    path: "/builds/{id}",
    summary: "Shows a build",
    access: "user",
    answers: { 200: buildSchema },
    handle: async (ask) => shown(ask, await seenJob(ask)),
  }),
  route({
    method: "patch",
    path: "/builds/{id}",
    summary: "Changes its priority, or who sees it",
    access: "builder",
    body: z.strictObject({ priority: priority.optional(), isShared: z.boolean().optional() }),
    answers: { 200: buildSchema },
    async handle(ask) {
      const { id } = await ownedJob(ask);
      const { priority, isShared } = ask.body;
      const change = { priority: priority && PRIORITIES[priority], isShared };
      return shown(ask, await ask.server.jobs.change(id, change));
    },
  }),
  route({
    method: "delete",
    path: "/builds/{id}",
    summary: "Forgets an ended build; its image stays",
    access: "builder",
    answers: { 204: undefined },
    async handle(ask) {
      const { id, name } = await ownedJob(ask);
      await ask.server.jobs.remove(id);
      audit(ask, "forget build", id, name);
      return { status: 204 };
    },
  }),
  route({
    method: "post",
    path: "/builds/{id}/cancel",
    summary: "Cancels a build",
    access: "builder",
    answers: { 202: buildSchema },
    async handle(ask) {
      const { id, name } = await ownedJob(ask);
      const job = await ask.server.jobs.cancel(id);
      audit(ask, "cancel build", id, name);
      return shown(ask, job, 202);
    },
  }),
  route({
    method: "post",
    path: "/builds/{id}/retry",
    summary: "Builds the same once more",
    access: "builder",
    answers: { 201: buildSchema },
    async handle(ask) {
      const job = await retryBuild(await ownedJob(ask), ask.caller.user, ask.server);
      audit(ask, "retry build", job.id, job.name);
      return shown(ask, job, 201);
    },
  }),
  route({
    method: "get",
    path: "/builds/{id}/recipe",
    summary: "Shows what a build was made from, without passwords; its owner also gets the files",
    access: "user",
    answers: { 200: keptRecipe },
    async handle(ask) {
      const job = await seenJob(ask);
      const { recipe, fileNames, hasSecrets } = job.request;
      const isOwn = job.owner === ask.caller.user.name;
      const kept = isOwn ? await readKept(ask.server.folder.job(job.id)) : undefined;
      const files = kept && Object.fromEntries([...kept.files].map(([name, bytes]) => [name, showBytes(bytes)]));
      return { status: 200, body: { recipe, yaml: stringify(recipe), fileNames, hasSecrets, files } };
    },
  }),
  route({
    method: "get",
    path: "/builds/{id}/log",
    summary: "Shows the log of a build",
    access: "user",
    answers: { 200: "text/plain" },
    async handle(ask) {
      const { id } = await seenJob(ask);
      const text = await readFile(ask.server.folder.log(id)).catch(() => "");
      return new Response(text, {
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
      });
    },
  }),
  route({
    method: "get",
    path: "/builds/{id}/events",
    summary: "Streams what happens in a build",
    access: "user",
    headers: { "Last-Event-ID": "goes on after this event" },
    answers: { 200: "text/event-stream" },
    async handle(ask) {
      const { id } = await seenJob(ask);
      return ask.server.feed.open(ask.caller, lastEventId(ask.request.headers), id);
    },
  }),
];

async function shown(ask: UserAsk, job: Job, status: 200 | 201 | 202 = 200): Promise<Answer> {
  const position = await positionOf(job, ask.server.jobs);
  return { status, body: showBuild(job, ask.caller.user, position) };
}

async function positionOf(job: Job, jobs: UserAsk["server"]["jobs"]): Promise<number | undefined> {
  return job.state === "queued" ? jobs.position(job.id) : undefined;
}

async function seenJob({ params, caller, server }: UserAsk): Promise<Job> {
  return seen(await server.jobs.get(params.id ?? ""), caller.user, "build");
}

async function ownedJob({ params, caller, server }: UserAsk): Promise<Job> {
  return owned(await server.jobs.get(params.id ?? ""), caller.user, "build");
}

function showBytes(bytes: Buffer): string | { base64: string } {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString("base64") };
}
