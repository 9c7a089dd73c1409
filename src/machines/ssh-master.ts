import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { acquireLock } from "../system/lock.ts";
import { CommandError, run } from "../system/process.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";

/** A connection that nobody used for so long is closed. */
const IDLE_SECONDS = 300;
/** ssh binds its socket under a name that is longer than the final one; a socket's name has 107 bytes. */
const LONGEST_PATH = 107 - 17;

/**
 * Opens root's connection to a machine, unless one is open, so that every run of ssh that follows needs no key exchange and no
 * login of its own: under software emulation they take a second. Where it can't be opened, each run has its own.
 *
 * @param options those of ssh without {@link sharedOptions}
 * @see https://man.openbsd.org/ssh_config#ControlMaster
 */
export async function shareConnection(
  machine: Machine,
  { run: { sshPort } }: RunningMachine,
  options: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const path = socketOf(machine);
  if (path === undefined || sshPort === undefined || (await answers(path))) return;
  const release = await acquireLock(path, signal);
  try {
    if (await answers(path)) return;
    await rm(path, { force: true });
    const master = ["-M", "-N", "-f", ...controlPath(path), "-o", `ControlPersist=${IDLE_SECONDS}`];
    await run(["ssh", ...master, ...options, "-p", String(sshPort), "root@127.0.0.1"], signal ? { signal } : {});
  } catch (error) {
    if (!(error instanceof CommandError)) throw error; // what is wrong, the run that follows meets, too, and says
  } finally {
    await release();
  }
}

/** The options that make ssh, scp and sftp use the open connection, if there is one. */
export function sharedOptions(machine: Machine): string[] {
  const path = socketOf(machine);
  return path === undefined ? [] : ["-o", "ControlMaster=no", ...controlPath(path)];
}

/** Closes the connection, when the machine is about to become one that doesn't know of it. */
export async function closeConnection(machine: Machine): Promise<void> {
  const path = socketOf(machine);
  if (path === undefined || !(await answers(path))) return;
  await run(["ssh", "-F", "none", ...controlPath(path), "-O", "exit", "127.0.0.1"]).catch(() => {}); // it has just gone
}

function socketOf({ directory }: Machine): string | undefined {
  const path = join(directory, MACHINE_FILES.ssh);
  return Buffer.byteLength(path) > LONGEST_PATH || path.includes('"') ? undefined : path;
}

function controlPath(path: string): string[] {
  return ["-o", `ControlPath="${path.replaceAll("%", "%%")}"`];
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
