import { withoutLogins } from "./without-logins.ts";

/**
 * Every error that vmbuilder reports on purpose: one table with exit status and HTTP status.
 * The command line maps `exitStatus`, the HTTP API maps `httpStatus`; nobody else decides either.
 */
export const ERROR_TABLE = {
  // wrong input, found before anything is touched
  "usage": { exitStatus: 2, httpStatus: 400 },
  "recipe-invalid": { exitStatus: 2, httpStatus: 400 },
  "profile-unknown": { exitStatus: 2, httpStatus: 404 },
  "recipe-unknown": { exitStatus: 2, httpStatus: 404 },
  "secret-unsafe": { exitStatus: 2, httpStatus: 400 },
  "suite-unknown": { exitStatus: 2, httpStatus: 400 },
  "storage-impossible": { exitStatus: 2, httpStatus: 400 },
  "file-unreadable": { exitStatus: 2, httpStatus: 400 },
  "dest-exists": { exitStatus: 2, httpStatus: 409 },
  "dest-foreign": { exitStatus: 2, httpStatus: 409 },
  "dest-impossible": { exitStatus: 2, httpStatus: 400 },
  "raw-unusable": { exitStatus: 2, httpStatus: 409 },
  "raw-holds-data": { exitStatus: 2, httpStatus: 409 },
  "login-impossible": { exitStatus: 2, httpStatus: 400 },
  "machine-invalid": { exitStatus: 2, httpStatus: 400 },
  "machine-unknown": { exitStatus: 2, httpStatus: 404 },
  "machine-exists": { exitStatus: 2, httpStatus: 409 },
  "machine-running": { exitStatus: 2, httpStatus: 409 },
  "machine-stopped": { exitStatus: 2, httpStatus: 409 },
  "snapshot-unknown": { exitStatus: 2, httpStatus: 404 },
  "snapshot-exists": { exitStatus: 2, httpStatus: 409 },
  "port-taken": { exitStatus: 2, httpStatus: 409 },
  "media-invalid": { exitStatus: 2, httpStatus: 400 },
  "key-unusable": { exitStatus: 2, httpStatus: 400 },
  "lock-stale": { exitStatus: 2, httpStatus: 409 },
  "lock-invalid": { exitStatus: 2, httpStatus: 400 },
  "image-refused": { exitStatus: 2, httpStatus: 400 },
  "signature-missing": { exitStatus: 1, httpStatus: 422 },
  "signature-bad": { exitStatus: 1, httpStatus: 422 },
  "upload-failed": { exitStatus: 1, httpStatus: 502 },
  "artifact-changed": { exitStatus: 1, httpStatus: 422 },
  "ppa-service-unknown": { exitStatus: 2, httpStatus: 400 },
  "mirror-unknown": { exitStatus: 2, httpStatus: 400 },
  // the host
  "host-unfit": { exitStatus: 1, httpStatus: 503 },
  "userns-denied": { exitStatus: 1, httpStatus: 503 },
  "subuid-missing": { exitStatus: 1, httpStatus: 503 },
  "apparmor-userns": { exitStatus: 1, httpStatus: 503 },
  "disk-full": { exitStatus: 1, httpStatus: 507 },
  "memory-short": { exitStatus: 1, httpStatus: 503 },
  "path-unusable": { exitStatus: 1, httpStatus: 500 },
  // mirror and packages
  "libvirt-unreachable": { exitStatus: 1, httpStatus: 502 },
  "mirror-unreachable": { exitStatus: 1, httpStatus: 502 },
  "mirror-stalled": { exitStatus: 1, httpStatus: 504 },
  "mirror-not-a-repository": { exitStatus: 1, httpStatus: 502 },
  "mirror-changed": { exitStatus: 1, httpStatus: 502 },
  "redirect-refused": { exitStatus: 1, httpStatus: 502 },
  "release-unsigned": { exitStatus: 1, httpStatus: 502 },
  "release-untrusted": { exitStatus: 1, httpStatus: 502 },
  "release-expired": { exitStatus: 1, httpStatus: 502 },
  "release-future": { exitStatus: 1, httpStatus: 502 },
  "release-older": { exitStatus: 1, httpStatus: 502 },
  "index-corrupt": { exitStatus: 1, httpStatus: 502 },
  "package-corrupt": { exitStatus: 1, httpStatus: 502 },
  "package-missing": { exitStatus: 1, httpStatus: 502 },
  "package-malformed": { exitStatus: 1, httpStatus: 502 },
  "component-unknown": { exitStatus: 2, httpStatus: 400 },
  "package-unknown": { exitStatus: 2, httpStatus: 400 },
  "packages-unsatisfiable": { exitStatus: 1, httpStatus: 422 },
  // building
  "script-failed": { exitStatus: 1, httpStatus: 500 },
  "script-timeout": { exitStatus: 1, httpStatus: 500 },
  "command-failed": { exitStatus: 1, httpStatus: 500 },
  "command-missing": { exitStatus: 1, httpStatus: 503 },
  "tree-too-large": { exitStatus: 1, httpStatus: 422 },
  "image-unbootable": { exitStatus: 1, httpStatus: 500 },
  "cache-unusable": { exitStatus: 1, httpStatus: 500 },
  "cache-corrupt": { exitStatus: 1, httpStatus: 500 },
  // machines that run
  "machine-failed": { exitStatus: 1, httpStatus: 500 },
  "machine-late": { exitStatus: 1, httpStatus: 504 },
  "machine-unreachable": { exitStatus: 1, httpStatus: 502 },
  "base-missing": { exitStatus: 1, httpStatus: 409 },
  "tests-failed": { exitStatus: 1, httpStatus: 422 },
  "upgrade-failed": { exitStatus: 1, httpStatus: 422 },
  "matrix-failed": { exitStatus: 1, httpStatus: 500 },
  // the server
  "login-required": { exitStatus: 2, httpStatus: 401 },
  "login-failed": { exitStatus: 2, httpStatus: 401 },
  "forbidden": { exitStatus: 2, httpStatus: 403 },
  "csrf": { exitStatus: 2, httpStatus: 403 },
  "origin-refused": { exitStatus: 2, httpStatus: 403 },
  "host-not-allowed": { exitStatus: 2, httpStatus: 403 },
  "not-found": { exitStatus: 2, httpStatus: 404 },
  "request-timeout": { exitStatus: 2, httpStatus: 408 },
  "conflict": { exitStatus: 2, httpStatus: 409 },
  "gone": { exitStatus: 2, httpStatus: 409 },
  "too-large": { exitStatus: 2, httpStatus: 413 },
  "range-impossible": { exitStatus: 2, httpStatus: 416 },
  "host-unknown": { exitStatus: 2, httpStatus: 421 },
  "quota": { exitStatus: 2, httpStatus: 422 },
  "upgrade-required": { exitStatus: 2, httpStatus: 426 },
  "too-many": { exitStatus: 2, httpStatus: 429 },
  "port-unusable": { exitStatus: 1, httpStatus: 500 },
  "database-busy": { exitStatus: 1, httpStatus: 503 },
  "database-unusable": { exitStatus: 1, httpStatus: 500 },
  "server-unreachable": { exitStatus: 1, httpStatus: 502 },
  "build-lost": { exitStatus: 1, httpStatus: 500 },
  "interrupted": { exitStatus: 130, httpStatus: 499 },
} as const satisfies Record<string, { exitStatus: number; httpStatus: number }>;

/** A code of {@link ERROR_TABLE}. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/** What an error carries beside its message: what to do now, and what caused it. */
export interface ErrorDetails {
  hint?: string;
  cause?: unknown;
  /** Where the cause said it: the last lines of a log, shown under the message. */
  detail?: string;
}

/** An error that names the thing and the value, with a hint that says what to do now. Logins in addresses are left out: errors are logged. */
export class VmbuilderError extends Error {
  override readonly name = "VmbuilderError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(withoutLogins(message), details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.detail = details.detail === undefined ? undefined : withoutLogins(details.detail);
  }

  /** Exit status for a command that ends with this error. */
  get exitStatus(): number {
    return ERROR_TABLE[this.code].exitStatus;
  }
}
