/** How long a build waits for others before it gives up; on a slow network or machine, longer waits can be set. */
export interface Deadlines {
  /** Silence of a mirror: `VMBUILDER_STALL_SECONDS`. */
  readonly stallMs: number;
  /** One run of maintainer scripts: `VMBUILDER_SCRIPT_SECONDS`. */
  readonly scriptMs: number;
}

/** Reads the deadlines from the environment; what is no positive number counts as not set. */
export function readDeadlines(env: Record<string, string | undefined> = process.env): Deadlines {
  const milliseconds = (name: string, otherwise: number) => {
    const seconds = Number(env[name]);
    return seconds > 0 && seconds <= 7 * 24 * 3600 ? Math.ceil(seconds * 1000) : otherwise;
  };
  return {
    stallMs: milliseconds("VMBUILDER_STALL_SECONDS", 20_000),
    scriptMs: milliseconds("VMBUILDER_SCRIPT_SECONDS", 30 * 60_000),
  };
}
