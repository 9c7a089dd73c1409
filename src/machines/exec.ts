import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import { runAttached } from "../system/attached-process.ts";
import { CommandError, run } from "../system/process.ts";
import type { Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";
import { sshOptions, withSshLog } from "./ssh.ts";
import { shareConnection, sharedOptions } from "./ssh-master.ts";
import type { MachineStore } from "./store.ts";

/** What a command in a machine left. */
export interface ExecResult {
  /** Its own exit status; 124 when it took longer than its timeout. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** How a command is run in a machine. */
export interface ExecOptions {
  readonly signal?: AbortSignal | undefined;
  /** The command is ended then; default: never. */
  readonly timeoutMs?: number | undefined;
  readonly input?: string | Uint8Array | undefined;
  /** Account; default root. */
  readonly user?: string | undefined;
  /** Called with each line of either output. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Of timeout(1). */
const TIMED_OUT = 124;
/** ssh's own, when it didn't reach the machine or lost it. */
const SSH_FAILED = 255;
/** Longer than such a server's penalty, which is 15 seconds at least. */
const PATIENCE_MS = 40_000;
const AGAIN_MS = 1000;
/** Beyond a command's timeout, for a machine that doesn't answer any more. */
const GRACE_MS = 20_000;

/**
 * Runs a command in a machine as root, without a terminal, and keeps what it says. The words reach the command as they are:
 * no shell looks at them but the one that starts it, for which they are quoted.
 *
 * @throws machine-unreachable when ssh fails, whatever the command's status would have been
 */
export async function execInMachine(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const { result, said } = await untilLetIn(async () => {
    const shared = await useConnection(store, machine, running, options);
    return withSshLog((log) =>
      run(sshCommand(running, ["-T", ...shared, ...sshOptions(store, machine, log)], command, options), {
        signal: options.signal,
        input: options.input ?? "",
        okStatuses: Array.from({ length: 256 }, (_, status) => status),
        ...(options.onLine ? { onLine: options.onLine } : {}),
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs + GRACE_MS }),
      }).catch((error: unknown) => {
        if (error instanceof CommandError && error.status === null)
          return { status: SSH_FAILED, stdout: error.stdout, stderr: error.stderr };
        throw error;
      }),
    );
  }, options.signal);
  if (result.status === SSH_FAILED && said !== "") throw unreachable(machine, said);
  const timedOut = options.timeoutMs !== undefined && result.status === TIMED_OUT;
  return { status: result.status, stdout: result.stdout, stderr: result.stderr, timedOut };
}

/**
 * Runs a command in a machine with our own standard streams, or a shell when there is none.
 *
 * @returns the command's own exit status
 * @throws machine-unreachable
 */
export async function attachToMachine(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  command: readonly string[],
  { terminal, user, timeoutMs }: { terminal: boolean; user?: string | undefined; timeoutMs?: number | undefined },
): Promise<number> {
  const { result, said } = await untilLetIn(async () => {
    const shared = await useConnection(store, machine, running, { user });
    return withSshLog(async (log) => {
      const flags = [terminal ? "-t" : "-T", ...shared, ...sshOptions(store, machine, log)];
      return runAttached(sshCommand(running, flags, command, { user, timeoutMs }));
    });
  });
  if (result.status === SSH_FAILED && said !== "") throw unreachable(machine, said);
  return result.status;
}

/**
 * Runs ssh again while the server turns it away at the door, where nothing has been read or run yet: after many connections without a login,
 * such as those that looked whether it answers, it lets nobody in for a while.
 *
 * @see https://man.openbsd.org/sshd_config#PerSourcePenalties and MaxStartups
 */
export async function untilLetIn<
  T extends { readonly result: { readonly status: number | null }; readonly said: string },
>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const outcome = await attempt();
    const isTurnedAway = outcome.result.status === SSH_FAILED && outcome.said.includes("kex_exchange_identification");
    if (!isTurnedAway || Date.now() > end) return outcome;
    await delay(AGAIN_MS, undefined, signal ? { signal } : {});
  }
}

/** Options of a run of ssh by the machine's open connection, which is root's. */
export async function useConnection(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  { user = "root", signal }: Pick<ExecOptions, "user" | "signal">,
): Promise<string[]> {
  if (user !== "root") return [];
  await shareConnection(machine, running, sshOptions(store, machine), signal);
  return sharedOptions(machine);
}

function sshCommand(
  { run: { sshPort } }: RunningMachine,
  flags: readonly string[],
  command: readonly string[],
  { user = "root", timeoutMs }: { user?: string | undefined; timeoutMs?: number | undefined },
): string[] {
  const limited = timeoutMs === undefined ? command : ["timeout", "-k", "5", String(timeoutMs / 1000), ...command];
  return [
    ...["ssh", ...flags, "-p", String(sshPort), `${user}@127.0.0.1`],
    ...(command.length === 0 ? [] : ["--", limited.map(quoteForShell).join(" ")]),
  ];
}

/** As a POSIX shell reads one word. */
export function quoteForShell(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function unreachable({ name }: Machine, said: string): VmbuilderError {
  const last = said.split("\n").at(-1) ?? "";
  return new VmbuilderError("machine-unreachable", `${name} cannot be reached over ssh: ${last.trim()}`, {
    hint: /Host key verification failed/.test(said)
      ? "its host key is another than before"
      : `if it is still booting, wait; its console: vmbuilder logs ${name}`,
    detail: said,
  });
}
