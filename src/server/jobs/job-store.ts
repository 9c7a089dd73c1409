import type { Job, JobEnd, JobError, JobProgress, JobRequest, JobState, JobStep } from "./job.ts";

/** A job to put into the queue. */
export interface NewJob {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly priority: number;
  readonly isShared: boolean;
  readonly request: JobRequest;
  readonly retryOf?: string | undefined;
  /** The same key and content a second time is the same job. */
  readonly idempotencyKey?: string | undefined;
  /** Hash of what was asked, files included. */
  readonly requestHash: string;
  /** What its image takes at most; it counts against the owner's disk until it has ended. */
  readonly diskBytes: number;
}

/** What an owner's jobs that wait or run may be together. */
export interface JobLimits {
  readonly activeBuilds: number;
  readonly diskBytes: number;
}

/** Which jobs are wanted. */
export interface JobFilter {
  /** Those of this user, and shared ones; nothing means all. */
  readonly visibleTo?: string | undefined;
  readonly owner?: string | undefined;
  readonly state?: JobState | undefined;
  /** Part of the name, whatever its case. */
  readonly text?: string | undefined;
  /** Older ones than this number. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A worker's right to a job, until the time of its lease. Its token fences off whoever held the job before. */
export interface Claim {
  readonly job: Job;
  readonly token: string;
  /** The process that a worker which died has left, as {@link JobStore.setProcess} was told. */
  readonly leftProcess: string | undefined;
}

/** What a job made. */
export interface NewImage {
  readonly id: string;
  readonly facts: ImageFacts;
  readonly files: readonly ImageFile[];
}

/** What is known of an image beside its files. */
export interface ImageFacts {
  readonly distro: string;
  readonly suite: string;
  readonly architecture: string;
  readonly hypervisors: readonly string[];
}

/** A file of an image. */
export interface ImageFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: string | null;
}

/** How a job ended. */
export interface Outcome {
  readonly state: JobEnd;
  readonly error?: JobError | undefined;
  readonly image?: NewImage | undefined;
  readonly steps: readonly JobStep[];
}

/** Something that happened, for those who watch. */
export interface JobNews {
  readonly type: "step" | "log";
  readonly data: Record<string, unknown>;
}

/**
 * The queue. Every method is one transaction; whichever process asks, a job is held by one worker at most, ends once, and
 * its image is published once. `test/fixtures/job-store-suite.ts` says in full what a store must do.
 */
export interface JobStore {
  /** @throws conflict when the key was used for something else; quota when the owner's jobs under way reach a limit */
  add(job: NewJob, most: JobLimits): Promise<{ job: Job; isNew: boolean }>;
  get(id: string): Promise<Job | undefined>;
  /** The newest first. */
  list(filter: JobFilter): Promise<Job[]>;
  /** Place of a waiting job in the queue, from 1. */
  position(id: string): Promise<number | undefined>;
  count(state: JobState): Promise<number>;
  /** Another one whenever anything may have changed since; asking for it costs little. */
  version(): Promise<string>;

  /** Takes the next job: of the highest priority, the oldest; or one whose worker has let its lease pass. */
  claim(worker: string, leaseMs: number): Promise<Claim | undefined>;
  /** Ends jobs that were begun `most` times and whose worker is gone: they would bring down the next, too. */
  endPoisoned(most: number): Promise<void>;
  /** Keeps a job. `lost`: it is somebody else's now, or has ended. */
  renew(claim: Claim, leaseMs: number): Promise<"held" | "cancelling" | "lost">;
  /** Names the process that works on a job, so that the next worker can end it. */
  setProcess(claim: Claim, process: string): Promise<boolean>;
  /** Says how far a job is. @returns false when the job is somebody else's now */
  record(
    claim: Claim,
    progress: JobProgress | undefined,
    steps: readonly JobStep[],
    news: readonly JobNews[],
  ): Promise<boolean>;
  /** Ends a job, and publishes what it made. @returns false when it didn't end so: it is somebody else's now, or was cancelled */
  finish(claim: Claim, outcome: Outcome): Promise<boolean>;
  /** Puts a job back, as if it had not been begun. @returns false when it is somebody else's now */
  release(claim: Claim): Promise<boolean>;

  /** A waiting job ends at once, a running one as soon as its worker hears of it. @throws conflict when it has ended */
  cancel(id: string): Promise<Job>;
  change(id: string, change: { priority?: number | undefined; isShared?: boolean | undefined }): Promise<Job>;
  /** Forgets an ended job. @throws conflict while it has not ended */
  remove(id: string): Promise<void>;
}
