import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setInterval as every } from "node:timers/promises";
import { deliverWebhooks } from "./jobs/deliver-webhooks.ts";
import { hasEnded } from "./jobs/job.ts";
import { watchMachines } from "./machines/watch-machines.ts";
import { forgetSecrets } from "./recipes/recipe-folder.ts";
import type { ServerContext } from "./server-context.ts";
import { noteUsage } from "./store/disk-usage.ts";
import { forgetEvents } from "./store/events.ts";
import { forgetImage, imageIds, imagesToPurge } from "./store/images.ts";

const MINUTE_MS = 60_000;
const MACHINES_MS = 2000;
const HOUR_MS = 60 * MINUTE_MS;
const EVENTS_KEPT_MS = 24 * HOUR_MS;
const SECRETS_KEPT_MS = 7 * 24 * HOUR_MS;
/** A build that runs hasn't published its folder yet. */
const ORPHAN_MS = 24 * HOUR_MS;

/** What a server does beside answering: webhooks every second, tidying every minute, a point of the disk plot every hour. */
export function startMaintenance(server: ServerContext): { stop(): Promise<void> } {
  const controller = new AbortController();
  const { signal } = controller;
  const repeat = async (ms: number, name: string, task: () => Promise<void>) => {
    try {
      for await (const _ of every(ms, undefined, { signal })) {
        await task().catch((error: unknown) => process.stderr.write(`${name}: ${String(error)}\n`));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
  const { database, folder, settings } = server;
  const watch = watchMachines(server);
  const note = () => noteUsage(database, folder.path, settings.cacheDirectory);
  const tasks = [
    repeat(1000, "webhooks", () => deliverWebhooks(server, signal)),
    repeat(MINUTE_MS, "tidying", () => tidy(server)),
    repeat(MACHINES_MS, "machines", () => watch.look()),
    repeat(MINUTE_MS, "machines' disks", () => watch.measure()),
    repeat(HOUR_MS, "disk usage", note),
    note().catch(() => {}),
  ];
  return {
    async stop() {
      controller.abort();
      await Promise.all(tasks);
    },
  };
}

/** Removes what is over: removed images, old events, passwords of builds that failed, folders that belong to nothing. */
export async function tidy(server: ServerContext): Promise<void> {
  const { database, folder, jobs } = server;
  forgetEvents(database, Date.now() - EVENTS_KEPT_MS);
  for (const image of imagesToPurge(database)) {
    forgetImage(database, image);
    await rm(folder.image(image.id), { recursive: true, force: true });
  }
  const known = imageIds(database);
  for (const name of await readdir(folder.images))
    if (!known.has(name) && (await isOlder(join(folder.images, name), ORPHAN_MS)))
      await rm(join(folder.images, name), { recursive: true, force: true });
  for (const id of await readdir(folder.jobs)) {
    if (!(await isOlder(folder.job(id), MINUTE_MS))) continue;
    const job = await jobs.get(id);
    if (!job) {
      await rm(folder.job(id), { recursive: true, force: true });
      await rm(folder.log(id), { force: true });
    } else if (job.request.hasSecrets && hasEnded(job) && (job.finishedAt ?? 0) < Date.now() - SECRETS_KEPT_MS)
      await forgetSecrets(folder.job(id), job.request);
  }
}

async function isOlder(path: string, ms: number): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && info.mtimeMs < Date.now() - ms;
}
