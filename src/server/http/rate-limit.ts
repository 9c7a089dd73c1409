import { VmbuilderError } from "../../model/errors.ts";

const MOST_KEYS = 10_000;

/** Lets something happen so often in a while, for each of its keys. */
export interface RateLimit {
  /** Counts one for each key. @throws too-many, with `retryAfterSeconds` */
  take(...keys: string[]): void;
  /** Gives back what was taken. */
  forgive(...keys: string[]): void;
}

/** Says when it is worth to ask again. */
export class TooMany extends VmbuilderError {
  readonly retryAfterSeconds: number;

  constructor(what: string, retryAfterSeconds: number) {
    super("too-many", `too many ${what}`, { hint: `wait ${retryAfterSeconds} s` });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * A limit by buckets: each holds `most`, and is full again after `windowMs`.
 *
 * @param what for messages: "logins"
 */
export function createRateLimit(what: string, most: number, windowMs: number, now: () => number = Date.now): RateLimit {
  const buckets = new Map<string, { level: number; atMs: number }>();
  const levelOf = (key: string) => {
    const bucket = buckets.get(key);
    return bucket ? Math.max(0, bucket.level - ((now() - bucket.atMs) * most) / windowMs) : 0;
  };
  return {
    take(...keys) {
      for (const key of keys) {
        const level = levelOf(key);
        if (level + 1 > most) throw new TooMany(what, Math.ceil(((level + 1 - most) * windowMs) / most / 1000));
      }
      for (const key of keys) {
        const level = levelOf(key) + 1;
        buckets.delete(key); // the longest unused are the first
        buckets.set(key, { level, atMs: now() });
      }
      for (const key of buckets.keys()) {
        if (buckets.size <= MOST_KEYS) break;
        buckets.delete(key);
      }
    },
    forgive(...keys) {
      for (const key of keys) buckets.set(key, { level: Math.max(0, levelOf(key) - 1), atMs: now() });
    },
  };
}
