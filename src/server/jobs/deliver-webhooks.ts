import { createHmac } from "node:crypto";
import { showBuild } from "../http/views.ts";
import type { ServerContext } from "../server-context.ts";
import { findUser } from "../store/users.ts";

interface Delivery {
  readonly id: string;
  readonly jobId: string;
  readonly url: string;
  readonly secret: string | null;
  readonly attempts: number;
}

const TIMEOUT_MS = 10_000;
/** Waiting times after an attempt that failed. */
const WAITS_MS = [10_000, 60_000, 600_000, 3_600_000];

/** Tells those who wanted to know that builds have ended. The receiver knows a second telling by its id. */
export async function deliverWebhooks(server: ServerContext, signal: AbortSignal): Promise<void> {
  const { database, settings } = server;
  const due = database.all<Delivery>(
    "SELECT * FROM deliveries WHERE doneAt IS NULL AND dueAt <= ? ORDER BY dueAt LIMIT 20",
    Date.now(),
  );
  await Promise.all(
    due.map(async (delivery) => {
      const isAllowed = settings.webhookHosts.has(new URL(delivery.url).host.toLowerCase());
      const outcome = isAllowed ? await deliver(delivery, server, signal) : "its host is not allowed any more";
      if (signal.aborted) return;
      const wait = outcome === undefined || !isAllowed ? undefined : WAITS_MS[delivery.attempts];
      database.run(
        "UPDATE deliveries SET attempts = attempts + 1, outcome = ?, dueAt = ?, doneAt = ? WHERE id = ?",
        ...[outcome ?? "delivered", Date.now() + (wait ?? 0), wait === undefined ? Date.now() : null, delivery.id],
      );
    }),
  );
}

/** @returns what went wrong */
async function deliver(
  { id, jobId, url, secret }: Delivery,
  server: ServerContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  const job = await server.jobs.get(jobId);
  const owner = job && findUser(server.database, job.owner);
  if (!job || !owner) return "the build was removed";
  const body = JSON.stringify({ event: "build", build: showBuild(job, owner, undefined) });
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "user-agent": `vmbuilder/${server.settings.version}`,
    "x-vmbuilder-delivery": id,
  };
  if (secret !== null)
    headers["x-vmbuilder-signature"] = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const answer = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal: limit });
    await answer.body?.cancel();
    return answer.ok ? undefined : `status ${answer.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
