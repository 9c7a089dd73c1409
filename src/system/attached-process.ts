import { spawn } from "node:child_process";
import { constants } from "node:os";
import { VmbuilderError } from "../model/errors.ts";

/** How a program that has our own streams ended. */
export interface AttachedEnd {
  /** As a shell says it: 128 and the signal's number for one that was killed. */
  readonly status: number;
}

/**
 * Runs a program with our own standard streams, environment and terminal, to its end. Signals that the terminal sends reach
 * it as they reach us; those that only we get are passed on.
 *
 * @throws command-missing
 */
export function runAttached(argv: readonly string[], directory?: string): Promise<AttachedEnd> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: "inherit", ...(directory === undefined ? {} : { cwd: directory }) });
  const ignore = () => {}; // it decides, and its end is ours
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on("SIGINT", ignore);
  for (const name of ["SIGTERM", "SIGHUP"] as const) process.on(name, pass);
  return new Promise<AttachedEnd>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new VmbuilderError(
          cause.code === "ENOENT" ? "command-missing" : "command-failed",
          cause.code === "ENOENT" ? `${program} is not installed` : `${program} could not be started: ${cause.message}`,
          { ...(cause.code === "ENOENT" ? { hint: "run: vmbuilder doctor" } : {}), cause },
        ),
      ),
    );
    child.once("close", (status, signal) =>
      resolve({ status: status ?? 128 + (signal ? constants.signals[signal] : 0) }),
    );
  }).finally(() => {
    process.off("SIGINT", ignore);
    for (const name of ["SIGTERM", "SIGHUP"] as const) process.off(name, pass);
  });
}
