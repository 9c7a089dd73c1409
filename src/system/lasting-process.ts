import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import { processStart } from "./files.ts";
import { cleanEnvironment } from "./process.ts";

/** A program that goes on when we end: by process id and, since ids are used again, the time at which it began. */
export interface LastingProcess {
  readonly pid: number;
  /** In clock ticks since the host started; see proc_pid_stat(5). */
  readonly start: string;
}

/** One that was just begun. */
export interface BegunProcess extends LastingProcess {
  /** Resolves with what it ended by, as soon as it ends; never otherwise. */
  readonly ended: Promise<string>;
}

/**
 * Starts a program in a session of its own, so that neither our end nor a signal from the terminal reaches it.
 *
 * @param log file that takes what it says; it is emptied first
 * @throws command-missing, command-failed, memory-short
 */
export async function startLasting(argv: readonly string[], directory: string, log: string): Promise<BegunProcess> {
  const [program = "", ...args] = argv;
  const output = await open(log, "w", 0o600);
  try {
    const child = spawn(program, args, {
      cwd: directory,
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      env: cleanEnvironment(),
    });
    const ended = endOf(child);
    await once(child, "spawn").catch((cause: NodeJS.ErrnoException) => {
      const isMissing = cause.code === "ENOENT";
      throw new VmbuilderError(
        isMissing
          ? "command-missing"
          : cause.code === "ENOMEM" || cause.code === "EAGAIN"
            ? "memory-short"
            : "command-failed",
        isMissing ? `${program} is not installed` : `${program} could not be started: ${cause.message}`,
        { ...(isMissing ? { hint: "run: vmbuilder doctor" } : {}), cause },
      );
    });
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, start: (await processStart(pid)) ?? "", ended };
  } finally {
    await output.close();
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("exit", (status, signal) => resolve(signal ? `was ended by ${signal}` : `ended with status ${status}`));
    child.once("error", () => {}); // reported where it was started
  });
}

/** Whether a process still runs. One that has ended, but whose parent didn't ask, counts as ended. */
export async function isAlive({ pid, start }: LastingProcess): Promise<boolean> {
  if ((await processStart(pid)) !== start) return false;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** Finds the process of a pid file, if it is a program of that name which works in that folder, or was told to write that file. */
export async function findLasting(
  pidFile: string,
  programPrefix: string,
  directory: string,
): Promise<LastingProcess | undefined> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const [program, works, argv, start] = await Promise.all([
    readlink(`/proc/${pid}/exe`).catch(() => ""),
    readlink(`/proc/${pid}/cwd`).catch(() => ""),
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    processStart(pid),
  ]);
  const isIts = works === directory || argv.split("\0").includes(pidFile);
  if (start === undefined || !isIts || !basename(program).startsWith(programPrefix)) return undefined;
  const found = { pid, start };
  return (await isAlive(found)) ? found : undefined;
}

/** Sends a signal, unless the process has gone and its number is another's now. */
export async function signalLasting(one: LastingProcess, signal: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(one))) return;
  try {
    process.kill(one.pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Ends a process at once, and waits until it has gone. */
export async function killLasting(one: LastingProcess): Promise<void> {
  await signalLasting(one, "SIGKILL");
  while (await isAlive(one)) await delay(10);
}
