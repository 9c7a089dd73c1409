import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../../model/errors.ts";
import type { BuildEvent } from "../../model/events.ts";
import { forgetSecrets } from "../recipes/recipe-folder.ts";
import type { DataFolder } from "../store/data-folder.ts";
import { makeId } from "../store/secrets.ts";
import { logLine, openBuildLog } from "./build-log.ts";
import { hasRoom } from "./capacity.ts";
import type { JobError, JobStep } from "./job.ts";
import type { Claim, JobNews, JobStore } from "./job-store.ts";
import { trackProgress } from "./progress-tracker.ts";
import { BuildFailure, endProcess, runBuild } from "./run-build.ts";

const POLL_MS = 300;
const LEASE_MS = 15_000;
const RENEW_MS = 3000;
const REPORT_MS = 250;
/** A build that brought down its worker so often is not tried again. */
const MOST_ATTEMPTS = 3;

/** What a worker is told. */
export interface WorkerOptions {
  readonly store: JobStore;
  readonly folder: DataFolder;
  readonly command: readonly string[];
  readonly cacheDirectory: string | undefined;
  readonly parallelBuilds: number;
  /** Says what like builds took. */
  expectedSeconds(claim: Claim): number | undefined;
  /** Ends the work: builds that run go back into the queue. */
  readonly signal: AbortSignal;
  /** Ends the work when the builds that run are done. */
  readonly lastOrders: AbortSignal;
}

/** Takes jobs from the queue and builds them, several at once, until it is told to stop. */
export async function work(options: WorkerOptions): Promise<void> {
  const { store, signal, lastOrders } = options;
  const name = `${hostname()} ${process.pid}`;
  const running = new Set<Promise<void>>();
  while (!signal.aborted && !lastOrders.aborted) {
    await store.endPoisoned(MOST_ATTEMPTS);
    const isFree = running.size < options.parallelBuilds && (await hasRoom(running.size));
    const claim = isFree ? await store.claim(name, LEASE_MS) : undefined;
    if (!claim) {
      await delay(POLL_MS, undefined, { signal: AbortSignal.any([signal, lastOrders]) }).catch(() => {});
      continue;
    }
    const one = workOn(claim, options).catch((error: unknown) => {
      process.stderr.write(`build ${claim.job.id}: ${String(error)}\n`);
    });
    running.add(one);
    void one.then(() => running.delete(one));
  }
  await Promise.all(running);
}

/** One attempt at one job. Whoever lost its lease on the way leaves nothing behind. */
async function workOn(claim: Claim, options: WorkerOptions): Promise<void> {
  const { store, folder } = options;
  const { job } = claim;
  if (claim.leftProcess) await endProcess(claim.leftProcess);
  if (job.state === "cancelling") return void (await store.finish(claim, { state: "cancelled", steps: [] }));
  const stop = new AbortController();
  const lease = keepLease(claim, store, stop);
  const log = await openBuildLog(folder.log(job.id));
  const report = reportTo(claim, options, stop);
  const destination = folder.image(makeId());
  const recipe = join(folder.job(job.id), "recipe.yaml");
  try {
    const image = await runBuild({
      command: options.command,
      recipe,
      destination,
      cacheDirectory: options.cacheDirectory,
      allowNoLogin: job.request.allowNoLogin,
      signal: AbortSignal.any([options.signal, stop.signal]),
      onProcess: async (process) => void (await store.setProcess(claim, process)),
      onEvent(event) {
        const line = logLine(event);
        if (line !== undefined) log.write(line);
        report.take(event);
      },
    });
    await report.close();
    const isPublished = await store.finish(claim, { state: "succeeded", image, steps: report.steps() });
    if (!isPublished) await rm(destination, { recursive: true, force: true });
    else if (job.request.hasSecrets) await forgetSecrets(folder.job(job.id), job.request);
  } catch (error) {
    await report.close();
    await rm(destination, { recursive: true, force: true });
    const failure = describe(error, folder);
    log.write(`${new Date().toISOString()} ${failure.message}${failure.detail ? `\n${failure.detail}` : ""}`);
    if (options.signal.aborted) await store.release(claim);
    else if (stop.signal.aborted) await store.finish(claim, { state: "cancelled", steps: report.steps() });
    else await store.finish(claim, { state: "failed", error: failure, steps: report.steps() });
  } finally {
    lease.stop();
    await log.close();
  }
}

/** Renews a lease for as long as the work takes; stops the work when it was lost or the job is to be cancelled. */
function keepLease(claim: Claim, store: JobStore, stop: AbortController): { stop(): void } {
  const timer = setInterval(async () => {
    const state = await store.renew(claim, LEASE_MS).catch(() => "held" as const); // a busy database: the next one
    if (state !== "held" && !stop.signal.aborted) stop.abort(new VmbuilderError("interrupted", "cancelled"));
  }, RENEW_MS / 3);
  return { stop: () => clearInterval(timer) };
}

/** Writes what happens to the store, a few times a second. */
function reportTo(claim: Claim, options: WorkerOptions, stop: AbortController) {
  const tracker = trackProgress(options.expectedSeconds(claim));
  let news: JobNews[] = [];
  let isNew = false;
  let writing: Promise<void> = Promise.resolve();
  const flush = async () => {
    if (!isNew) return;
    const batch = news;
    news = [];
    isNew = false;
    const isHeld = await options.store.record(claim, tracker.progress(), tracker.steps(), batch);
    if (!isHeld && !stop.signal.aborted) stop.abort(new VmbuilderError("interrupted", "another worker has this build"));
  };
  const timer = setInterval(() => {
    writing = writing.then(flush).catch(() => {}); // only a display: the next one shows more
  }, REPORT_MS);
  return {
    take(event: BuildEvent) {
      isNew = true;
      if (tracker.take(event)) {
        const step = tracker.steps().find(({ step }) => step === event.step) as JobStep;
        news.push({ type: "step", data: { ...step } });
      } else if (event.type === "log") {
        const { step, level, message, atMs } = event;
        news.push({ type: "log", data: { at: new Date(atMs).toISOString(), step, level, message } });
      }
    },
    steps: () => tracker.steps(),
    async close() {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}

/** Folders of the server say nothing to people. */
function describe(error: unknown, folder: DataFolder): JobError {
  const plain = (text: string) => {
    const [first = "", ...others] = text.split(`${folder.path}/`);
    return first + others.map((part) => part.replace(/^(?:jobs|images)\/[^/\s]+\/?/, "")).join("");
  };
  const { code, hint, detail } =
    error instanceof BuildFailure || error instanceof VmbuilderError
      ? error
      : { code: "command-failed", hint: null, detail: null };
  const message = error instanceof Error ? error.message : String(error);
  return { code, message: plain(message), hint: hint ? plain(hint) : null, detail: detail ? plain(detail) : null };
}
