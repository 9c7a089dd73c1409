import { statfs } from "node:fs/promises";
import * as z from "zod";
import { openCache } from "../../core/cache.ts";
import { collectGarbage } from "../../core/cache-maintenance.ts";
import { lastEventId } from "../http/event-feed.ts";
import { renderMetrics } from "../http/metrics.ts";
import { type Route, route } from "../http/route.ts";
import { isoTime, quotaSchema } from "../http/views.ts";
import { measureUsage, usageHistory } from "../store/disk-usage.ts";
import { usageOf } from "../store/users.ts";
import { audit } from "./common.ts";

const DAY_MS = 86_400_000;
const CACHE_DAYS = 7;
const bytes = z.number().min(0);
const usageSchema = z.object({
  disk: z.object({ totalBytes: bytes, freeBytes: bytes, imagesBytes: bytes, removedBytes: bytes, cacheBytes: bytes }),
  own: z.object({ usage: quotaSchema, quota: quotaSchema }),
  capacity: z.object({ cores: z.int(), memoryBytes: bytes, parallelBuilds: z.int() }),
  queue: z.object({ queued: z.int(), running: z.int() }),
  history: z.array(z.object({ at: z.iso.datetime(), freeBytes: bytes, imagesBytes: bytes, cacheBytes: bytes })),
});

/** The server itself. */
export const SYSTEM_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/healthz",
    summary: "Tells that the server works",
    access: "anyone",
    answers: { 200: z.object({ status: z.literal("ok"), version: z.string() }) },
    async handle({ server }) {
      server.database.get("SELECT 1");
      return { status: 200, body: { status: "ok", version: server.settings.version } };
    },
  }),
  route({
    method: "get",
    path: "/metrics",
    summary: "Numbers for Prometheus",
    access: "user",
    answers: { 200: "text/plain" },
    async handle({ server }) {
      const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" };
      return new Response(await renderMetrics(server), { headers });
    },
  }),
  route({
    method: "get",
    path: "/usage",
    summary: "Tells what is taken and what is free",
    access: "user",
    answers: { 200: usageSchema },
    async handle({ server, caller }) {
      const { settings, database, folder, jobs } = server;
      const [disk, room, queued, running] = await Promise.all([
        measureUsage(database, settings.cacheDirectory),
        statfs(folder.path),
        jobs.count("queued"),
        jobs.count("running"),
      ]);
      const usage: z.output<typeof usageSchema> = {
        disk: { totalBytes: room.blocks * room.bsize, freeBytes: room.bavail * room.bsize, ...disk },
        own: { usage: usageOf(database, caller.user.name), quota: caller.user.quota },
        capacity: settings.capacity,
        queue: { queued, running },
        history: usageHistory(database).map(({ at, ...point }) => ({ at: isoTime(at), ...point })),
      };
      return { status: 200, body: usage };
    },
  }),
  route({
    method: "post",
    path: "/cache/clean",
    summary: "Removes what no build of the last week used",
    access: "admin",
    answers: { 200: z.object({ freedBytes: bytes }) },
    async handle(ask) {
      const cache = await openCache(ask.server.settings.cacheDirectory);
      const removed = await collectGarbage(cache, { usedBeforeMs: Date.now() - CACHE_DAYS * DAY_MS });
      const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      audit(ask, "clean cache", String(freedBytes));
      return { status: 200, body: { freedBytes } };
    },
  }),
  route({
    method: "get",
    path: "/events",
    summary: "Streams what happens, as far as one may see it",
    access: "user",
    headers: { "Last-Event-ID": "goes on after this event" },
    answers: { 200: "text/event-stream" },
    handle: async ({ server, caller, request }) => server.feed.open(caller, lastEventId(request.headers), undefined),
  }),
];
