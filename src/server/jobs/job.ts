/** States of a job; the last three are its end. */
export const JOB_STATES = ["queued", "running", "cancelling", "succeeded", "failed", "cancelled"] as const;
/** A state of {@link JOB_STATES}. */
export type JobState = (typeof JOB_STATES)[number];
/** How a job can end. */
export type JobEnd = "succeeded" | "failed" | "cancelled";

/** What is wanted: a recipe without its secrets, which lie with the files beside it until the job has ended. */
export interface JobRequest {
  readonly recipe: Record<string, unknown>;
  readonly fileNames: readonly string[];
  /** Whether the recipe had passwords; they are gone when its files are. */
  readonly hasSecrets: boolean;
  readonly allowNoLogin: boolean;
  readonly webhook?: { readonly url: string; readonly secret?: string | undefined } | undefined;
}

/** How far a job has come. */
export interface JobProgress {
  readonly fraction: number;
  readonly step: string;
  readonly title: string;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: "bytes" | "packages" | "items" | null;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
}

/** A step of a job. */
export interface JobStep {
  readonly step: string;
  readonly title: string;
  readonly state: "running" | "done" | "cached" | "failed";
  readonly seconds: number | null;
}

/** Why a job failed. */
export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly detail: string | null;
}

/** A build that was asked for. Times are milliseconds since 1970. */
export interface Job {
  readonly number: number;
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly state: JobState;
  readonly priority: number;
  readonly isShared: boolean;
  readonly request: JobRequest;
  readonly retryOf: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly attempts: number;
  readonly progress: JobProgress | null;
  readonly steps: readonly JobStep[];
  readonly error: JobError | null;
  readonly imageId: string | null;
}

/** True when nothing will happen to a job any more. */
export function hasEnded({ state }: Pick<Job, "state">): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}
