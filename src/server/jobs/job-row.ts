import type { Job, JobState } from "./job.ts";

/** A job as the table has it. */
export interface JobRow {
  number: number;
  id: string;
  owner: string;
  name: string;
  state: JobState;
  priority: number;
  isShared: number;
  request: string;
  requestHash: string;
  retryOf: string | null;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  attempts: number;
  leaseToken: string | null;
  process: string | null;
  progress: string | null;
  steps: string;
  error: string | null;
  imageId: string | null;
}

/** Reads a row. */
export function jobOf(row: JobRow): Job {
  return {
    number: row.number,
    id: row.id,
    owner: row.owner,
    name: row.name,
    state: row.state,
    priority: row.priority,
    isShared: row.isShared === 1,
    request: JSON.parse(row.request),
    retryOf: row.retryOf,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    attempts: row.attempts,
    progress: row.progress === null ? null : JSON.parse(row.progress),
    steps: JSON.parse(row.steps),
    error: row.error === null ? null : JSON.parse(row.error),
    imageId: row.imageId,
  };
}
