import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "../store/database.ts";
import { addEvent } from "../store/events.ts";
import { makeId } from "../store/secrets.ts";
import { hasEnded, type Job, type JobProgress, type JobState, type JobStep } from "./job.ts";
import { type JobRow, jobOf } from "./job-row.ts";
import type { Claim, JobFilter, JobLimits, JobNews, JobStore, NewJob, Outcome } from "./job-store.ts";

/** A watcher who comes late gets this many lines of a build's log; the file has more. */
const MOST_EVENTS_OF_A_JOB = 2000;

/** The queue in the server's database. */
export class SqliteJobStore implements JobStore {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database;
    this.#now = now;
  }

  async add(job: NewJob, most: JobLimits): Promise<{ job: Job; isNew: boolean }> {
    return this.#database.transaction(() => {
      const key = job.idempotencyKey ?? null;
      const earlier = this.#database.get<JobRow>(
        "SELECT * FROM jobs WHERE owner = ? AND idempotencyKey = ?",
        job.owner,
        key,
      );
      if (earlier && earlier.requestHash !== job.requestHash)
        throw new VmbuilderError("conflict", "this Idempotency-Key was used for another build", {
          hint: "take a new key for each build",
        });
      if (earlier) return { job: jobOf(earlier), isNew: false };
      const active = this.#active(job.owner);
      if (active.count >= most.activeBuilds)
        throw new VmbuilderError("quota", `${most.activeBuilds} builds of yours are waiting or running`, {
          hint: "wait for one, or cancel one",
        });
      // The first that may go beyond the limit is let in, as one is whose size nobody knows before.
      if (active.count > 0 && active.diskBytes >= most.diskBytes)
        throw new VmbuilderError("quota", "what you have and your builds under way may take all of your disk", {
          hint: "wait for a build, cancel one, or remove images",
        });
      this.#database.run(
        `INSERT INTO jobs (id, owner, name, state, priority, isShared, request, idempotencyKey, requestHash, retryOf, diskBytes, createdAt)
         VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[job.id, job.owner, job.name, job.priority, Number(job.isShared), JSON.stringify(job.request)],
        ...[key, job.requestHash, job.retryOf ?? null, job.diskBytes, this.#now()],
      );
      return { job: this.#announce(job.id), isNew: true };
    });
  }

  async get(id: string): Promise<Job | undefined> {
    const row = this.#row(id);
    return row && jobOf(row);
  }

  async list({ visibleTo, owner, state, text, before, limit }: JobFilter): Promise<Job[]> {
    const rows = this.#database.all<JobRow>(
      `SELECT * FROM jobs
       WHERE (?1 IS NULL OR owner = ?1 OR isShared) AND (?2 IS NULL OR owner = ?2) AND (?3 IS NULL OR state = ?3)
         AND (?4 IS NULL OR instr(lower(name), lower(?4))) AND (?5 IS NULL OR number < ?5)
       ORDER BY number DESC LIMIT ?6`,
      ...[visibleTo ?? null, owner ?? null, state ?? null, text ?? null, before ?? null, limit],
    );
    return rows.map(jobOf);
  }

  async position(id: string): Promise<number | undefined> {
    const row = this.#database.get<{ ahead: number }>(
      `SELECT (SELECT count(*) FROM jobs o WHERE o.state = 'queued'
         AND (o.priority > j.priority OR (o.priority = j.priority AND o.number <= j.number))) AS ahead
       FROM jobs j WHERE j.id = ? AND j.state = 'queued'`,
      id,
    );
    return row?.ahead;
  }

  async count(state: JobState): Promise<number> {
    return Number(this.#database.get("SELECT count(*) AS count FROM jobs WHERE state = ?", state)?.count);
  }

  async version(): Promise<string> {
    return this.#database.version();
  }

  async claim(worker: string, leaseMs: number): Promise<Claim | undefined> {
    return this.#database.transaction(() => {
      const now = this.#now();
      const row = this.#database.get<JobRow>(
        `SELECT * FROM jobs WHERE state = 'queued' OR (state IN ('running', 'cancelling') AND leaseUntil < ?)
         ORDER BY state = 'queued', priority DESC, number LIMIT 1`,
        now,
      );
      if (!row) return undefined;
      const token = makeId();
      this.#database.run(
        `UPDATE jobs SET state = iif(state = 'cancelling', state, 'running'), worker = ?, leaseToken = ?, leaseUntil = ?,
           attempts = attempts + 1, startedAt = coalesce(startedAt, ?), process = NULL, progress = NULL, steps = '[]'
         WHERE id = ?`,
        ...[worker, token, now + leaseMs, now, row.id],
      );
      return { job: this.#announce(row.id), token, leftProcess: row.process ?? undefined };
    });
  }

  async endPoisoned(most: number): Promise<void> {
    this.#database.transaction(() => {
      const rows = this.#database.all<JobRow>(
        "SELECT * FROM jobs WHERE state IN ('running', 'cancelling') AND leaseUntil < ? AND attempts >= ?",
        ...[this.#now(), most],
      );
      const error = {
        code: "build-lost",
        message: `its worker was lost ${most} times`,
        hint: "look at the server's memory and log, then try again",
        detail: null,
      };
      for (const row of rows) this.#end(row, { state: "failed", error, steps: JSON.parse(row.steps) });
    });
  }

  async renew({ job, token }: Claim, leaseMs: number): Promise<"held" | "cancelling" | "lost"> {
    const held = this.#database.run(
      "UPDATE jobs SET leaseUntil = ? WHERE id = ? AND leaseToken = ?",
      ...[this.#now() + leaseMs, job.id, token],
    );
    if (held === 0) return "lost";
    return this.#row(job.id)?.state === "cancelling" ? "cancelling" : "held";
  }

  async setProcess({ job, token }: Claim, process: string): Promise<boolean> {
    return (
      this.#database.run("UPDATE jobs SET process = ? WHERE id = ? AND leaseToken = ?", process, job.id, token) > 0
    );
  }

  async record(
    { job, token }: Claim,
    progress: JobProgress | undefined,
    steps: readonly JobStep[],
    news: readonly JobNews[],
  ): Promise<boolean> {
    return this.#database.transaction(() => {
      const isHeld = this.#database.run(
        "UPDATE jobs SET progress = coalesce(?, progress), steps = ? WHERE id = ? AND leaseToken = ?",
        ...[progress ? JSON.stringify(progress) : null, JSON.stringify(steps), job.id, token],
      );
      if (isHeld === 0) return false;
      const written = Number(
        this.#database.get("SELECT count(*) AS count FROM events WHERE subject = ?", job.id)?.count,
      );
      for (const { type, data } of news)
        if (type === "step" || written < MOST_EVENTS_OF_A_JOB)
          addEvent(this.#database, this.#now(), type, job.id, { buildId: job.id, ...data });
      if (progress) {
        // The last one says all.
        this.#database.run("DELETE FROM events WHERE subject = ? AND type = 'progress'", job.id);
        addEvent(this.#database, this.#now(), "progress", job.id, { buildId: job.id, progress });
      }
      return true;
    });
  }

  async finish({ job, token }: Claim, outcome: Outcome): Promise<boolean> {
    return this.#database.transaction(() => {
      const row = this.#row(job.id);
      if (row?.leaseToken !== token) return false;
      this.#end(row, row.state === "cancelling" ? { ...outcome, state: "cancelled", image: undefined } : outcome);
      return this.#row(job.id)?.state === outcome.state;
    });
  }

  async release({ job, token }: Claim): Promise<boolean> {
    return this.#database.transaction(() => {
      const released = this.#database.run(
        `UPDATE jobs SET state = 'queued', attempts = attempts - 1, startedAt = NULL, progress = NULL, steps = '[]',
           worker = NULL, leaseToken = NULL, leaseUntil = NULL, process = NULL
         WHERE id = ? AND leaseToken = ? AND state = 'running'`,
        ...[job.id, token],
      );
      if (released > 0) this.#announce(job.id);
      return released > 0;
    });
  }

  async cancel(id: string): Promise<Job> {
    return this.#database.transaction(() => {
      const row = this.#existing(id);
      if (hasEnded(row))
        throw new VmbuilderError(
          "conflict",
          `this build has ${row.state === "cancelled" ? "been cancelled" : row.state} already`,
        );
      if (row.state === "queued") this.#end(row, { state: "cancelled", steps: [] });
      else this.#database.run("UPDATE jobs SET state = 'cancelling' WHERE id = ?", id);
      return this.#announce(id);
    });
  }

  async change(
    id: string,
    { priority, isShared }: { priority?: number | undefined; isShared?: boolean | undefined },
  ): Promise<Job> {
    return this.#database.transaction(() => {
      this.#database.run(
        "UPDATE jobs SET priority = coalesce(?, priority), isShared = coalesce(?, isShared) WHERE id = ?",
        ...[priority ?? null, isShared === undefined ? null : Number(isShared), this.#existing(id).id],
      );
      return this.#announce(id);
    });
  }

  async remove(id: string): Promise<void> {
    this.#database.transaction(() => {
      const row = this.#existing(id);
      if (!hasEnded(row)) throw new VmbuilderError("conflict", "this build has not ended", { hint: "cancel it first" });
      this.#database.run("DELETE FROM jobs WHERE id = ?", id);
      this.#database.run("DELETE FROM events WHERE subject = ?", id);
      const gone = { kind: "build", id, owner: row.owner, isShared: row.isShared === 1 };
      addEvent(this.#database, this.#now(), "removed", id, gone);
    });
  }

  #end(row: JobRow, { state, error, image, steps }: Outcome): void {
    const now = this.#now();
    if (image)
      this.#database.run(
        `INSERT INTO images (id, owner, name, jobId, isShared, facts, files, sizeBytes, createdAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[
          image.id,
          row.owner,
          row.name,
          row.id,
          row.isShared,
          JSON.stringify({ ...image.facts, ...recipeOf(row) }),
          JSON.stringify(image.files),
        ],
        ...[image.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), now],
      );
    this.#database.run(
      `UPDATE jobs SET state = ?, error = ?, imageId = ?, steps = ?, finishedAt = ?, progress = NULL, worker = NULL,
         leaseToken = NULL, leaseUntil = NULL, process = NULL WHERE id = ?`,
      ...[state, error ? JSON.stringify(error) : null, image?.id ?? null, JSON.stringify(steps), now, row.id],
    );
    const { webhook } = jobOf(row).request;
    if (webhook)
      this.#database.run(
        "INSERT OR IGNORE INTO deliveries (id, jobId, url, secret, dueAt) VALUES (?, ?, ?, ?, ?)",
        ...[makeId(), row.id, webhook.url, webhook.secret ?? null, now],
      );
    this.#database.run("DELETE FROM events WHERE subject = ? AND type = 'progress'", row.id);
    if (image) addEvent(this.#database, now, "image", image.id);
    this.#announce(row.id);
    addEvent(this.#database, now, "end", row.id, { state });
  }

  #announce(id: string): Job {
    addEvent(this.#database, this.#now(), "build", id);
    return jobOf(this.#existing(id));
  }

  #active(owner: string): { count: number; diskBytes: number } {
    const row = this.#database.get(
      `SELECT count(*) AS count, coalesce(sum(diskBytes), 0) AS diskBytes FROM jobs
       WHERE owner = ? AND state IN ('queued', 'running', 'cancelling')`,
      owner,
    );
    return { count: Number(row?.count), diskBytes: Number(row?.diskBytes) };
  }

  #row(id: string): JobRow | undefined {
    return this.#database.get<JobRow>("SELECT * FROM jobs WHERE id = ?", id);
  }

  #existing(id: string): JobRow {
    const row = this.#row(id);
    if (!row) throw new VmbuilderError("not-found", "there is no such build");
    return row;
  }
}

/** An image keeps its recipe when its job is forgotten. */
function recipeOf(row: JobRow): { recipe: object; fileNames: readonly string[] } {
  const { recipe, fileNames } = jobOf(row).request;
  return { recipe, fileNames };
}
