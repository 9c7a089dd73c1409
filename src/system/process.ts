import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { getPriority, setPriority } from "node:os";
import { Readable, type Writable } from "node:stream";
import { isMainThread } from "node:worker_threads";
import { VmbuilderError } from "../model/errors.ts";

/** How a program is run. */
export interface RunOptions {
  signal?: AbortSignal | undefined;
  cwd?: string;
  /** The whole environment of the program; default: {@link cleanEnvironment}. */
  env?: Record<string, string>;
  /** Written to standard input, which is closed otherwise. */
  input?: string | Uint8Array;
  /** Called with each line of standard output and standard error, control characters included. */
  onLine?: (line: string) => void;
  timeoutMs?: number;
  /** How far it stands back where processors are scarce: see {@link PATIENT}. */
  niceness?: number | undefined;
  /** Exit statuses that count as success; default only 0. */
  okStatuses?: readonly number[];
  /** What the program's new files are masked by; default: our own. */
  umask?: number;
  /** Keeps standard output in {@link start}'s result, instead of leaving it to the caller. */
  captureStdout?: boolean;
  /** File descriptor that standard output goes to; {@link start} hands out an empty stream then. */
  stdoutFile?: number | undefined;
}

/** What a program left when it ended well. */
export interface RunResult {
  stdout: string;
  stderr: string;
  status: number;
}

/** A program that runs, with its streams, and a promise of its end. */
export interface RunningProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly done: Promise<RunResult>;
  /** TERM to the whole group, KILL after five seconds. */
  stop(): void;
}

/** A program whose output goes to another program. */
export type FeedingProcess = Pick<RunningProcess, "stdin" | "done" | "stop">;

/**
 * Niceness of work that something else doesn't wait for yet: a third of what others of this build get. It is no lower, or the
 * build would stand still on a busy host.
 */
export const PATIENT = 5;

const KEEP_OUTPUT_BYTES = 8 * 1024 * 1024;
const KEEP_STDERR_BYTES = 64 * 1024;
const LONGEST_LINE = 4096;
const KILL_AFTER_MS = 5000;

/** The environment that programs get: search path and locale of our choice, proxies of the caller's, nothing else. */
export function cleanEnvironment(): Record<string, string> {
  const env: Record<string, string> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C.UTF-8",
  };
  for (const name of ["HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy"]) {
    const value = process.env[name];
    if (value) env[name] = value;
  }
  return env;
}

/**
 * A program that doesn't read from us would work on when we are killed; the kernel ends it instead.
 *
 * @see https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
 */
export const DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"];

/**
 * Runs a program to its end. There is no shell between: `argv` is what the program gets.
 *
 * @throws command-missing, command-failed (with exit status and the tail of stderr), script-timeout, interrupted
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const stdin = options.input === undefined ? "ignore" : "pipe";
  const child = spawnGroup(argv.length > 0 ? [...DIE_WITH_US, ...argv] : argv, options, [stdin, "pipe", "pipe"]);
  if (options.input !== undefined) {
    child.stdin?.on("error", () => {}); // a program that doesn't read all its input says so by its status
    child.stdin?.end(options.input);
  }
  const output = collect(child.stdout, KEEP_OUTPUT_BYTES, options.onLine);
  return settle(child, argv, options, output);
}

/**
 * Starts a program whose standard input and output the caller streams. `done` must be awaited.
 *
 * @throws as {@link run}, through `done`
 */
export function start(argv: readonly string[], options: RunOptions = {}): RunningProcess {
  const child = spawnGroup(argv, options, ["pipe", options.stdoutFile ?? "pipe", "pipe"]);
  const output = options.captureStdout ? collect(child.stdout, KEEP_OUTPUT_BYTES, options.onLine) : () => "";
  const done = settle(child, argv, options, output);
  done.catch(() => {}); // reported where it is awaited
  child.stdin?.on("error", () => {});
  const stdout = child.stdout ?? (options.stdoutFile === undefined ? undefined : Readable.from([]));
  if (!child.stdin || !stdout) throw new VmbuilderError("command-failed", `${argv[0]} has no streams`);
  return { pid: child.pid ?? 0, stdin: child.stdin, stdout, done, stop: () => stopGroup(child) };
}

/**
 * Starts a program whose standard output is another's standard input; its end is the other's end of input.
 *
 * @throws as {@link run}, through `done`
 */
export function startInto(argv: readonly string[], target: RunningProcess, options: RunOptions = {}): FeedingProcess {
  const child = spawnGroup(argv, options, ["pipe", target.stdin, "pipe"]);
  target.stdin.destroy(); // the program has its own copy now
  const done = settle(child, argv, options, () => "");
  done.catch(() => {}); // reported where it is awaited
  child.stdin?.on("error", () => {});
  if (!child.stdin) throw new VmbuilderError("command-failed", `${argv[0]} has no input`);
  return { stdin: child.stdin, done, stop: () => stopGroup(child) };
}

function spawnGroup(argv: readonly string[], options: RunOptions, stdio: SpawnOptions["stdio"]): ChildProcess {
  const [program, ...args] = argv;
  if (program === undefined) throw new VmbuilderError("command-failed", "no program to run");
  options.signal?.throwIfAborted();
  const spawnOptions: SpawnOptions = { stdio: stdio ?? "pipe", env: options.env ?? cleanEnvironment(), detached: true };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  const child = masked(options.umask, () => spawn(program, args, spawnOptions));
  if (options.niceness !== undefined && child.pid !== undefined) standBack(child.pid, options.niceness);
  return child;
}

/** A program gets its mask from us, at the moment in which it starts. A worker thread can't have one of its own. */
function masked<T>(umask: number | undefined, work: () => T): T {
  if (umask === undefined || !isMainThread) return work();
  const own = process.umask(umask);
  try {
    return work();
  } finally {
    process.umask(own);
  }
}

/** What it starts inherits this. */
function standBack(pid: number, niceness: number): void {
  try {
    setPriority(pid, Math.min(19, getPriority() + niceness));
  } catch {
    // it has gone already, which `done` tells
  }
}

function settle(
  child: ChildProcess,
  argv: readonly string[],
  options: RunOptions,
  output: () => string,
): Promise<RunResult> {
  const errors = collect(child.stderr, KEEP_STDERR_BYTES, options.onLine);
  let timedOut = false;
  const onAbort = () => stopGroup(child);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = options.timeoutMs
    ? setTimeout(() => {
        timedOut = true;
        stopGroup(child);
      }, options.timeoutMs)
    : undefined;
  return new Promise<RunResult>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => reject(spawnError(argv, cause)));
    child.once("close", (status, signal) => {
      if (options.signal?.aborted) return reject(options.signal.reason);
      if (timedOut)
        return reject(
          new VmbuilderError("script-timeout", `${argv[0]} did not end within ${Number(options.timeoutMs) / 1000} s`, {
            hint: "on a slow machine, allow more with VMBUILDER_SCRIPT_SECONDS",
            detail: lastLines(`${output()}\n${errors()}`),
          }),
        );
      if (status !== null && (options.okStatuses ?? [0]).includes(status)) {
        return resolve({ stdout: output(), stderr: errors(), status });
      }
      const missing = status === 127 && /^setpriv: failed to execute .*: No such file/m.test(errors());
      reject(
        missing ? notInstalled(argv) : new CommandError(argv, status, signal, { stdout: output(), stderr: errors() }),
      );
    });
  }).finally(() => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  });
}

/** A program that ended badly: its command line, exit status or signal, and the tail of its standard error. */
export class CommandError extends VmbuilderError {
  readonly argv: readonly string[];
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    status: number | null,
    signal: NodeJS.Signals | null,
    output: { stdout: string; stderr: string },
  ) {
    const { stdout, stderr } = output;
    const end = signal ? `was ended by ${signal}` : `ended with status ${status}`;
    const tail = stderr.trimEnd().split("\n").slice(-1).join("");
    const full = /no space left on device|disk quota exceeded/i.test(stderr);
    super(full ? "disk-full" : "command-failed", `${argv[0]} ${end}${tail ? `: ${tail}` : ""}`, {
      ...(full ? { hint: "free some space, or set --cache-dir and TMPDIR to a larger file system" } : {}),
      detail: lastLines(stderr),
    });
    this.argv = argv;
    this.status = status;
    this.signal = signal;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** The end of a program's output: what an error shows of it. */
export function lastLines(text: string, count = 50): string {
  return text
    .trim()
    .split("\n")
    .slice(-count)
    .map((line) => line.slice(0, LONGEST_LINE))
    .join("\n");
}

function notInstalled([program]: readonly string[], cause?: unknown): VmbuilderError {
  return new VmbuilderError("command-missing", `${program} is not installed`, { hint: "run: vmbuilder doctor", cause });
}

function spawnError(argv: readonly string[], cause: NodeJS.ErrnoException): VmbuilderError {
  if (cause.code === "ENOENT") return notInstalled(argv, cause);
  if (cause.code === "EAGAIN" || cause.code === "ENOMEM") {
    return new VmbuilderError("memory-short", `${argv[0]} could not be started: ${cause.message}`, { cause });
  }
  return new VmbuilderError("command-failed", `${argv[0]} could not be started: ${cause.message}`, { cause });
}

function stopGroup(child: ChildProcess): void {
  const pid = child.pid;
  if (pid === undefined || hasClosed(child)) return;
  signalGroup(pid, "SIGTERM");
  const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), KILL_AFTER_MS);
  child.once("close", () => clearTimeout(timer));
}

/** Ended, and nothing that it started holds its output open any more. */
function hasClosed(child: ChildProcess): boolean {
  const ended = child.exitCode !== null || child.signalCode !== null;
  return ended && child.stdio.every((stream) => !stream || stream.destroyed);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group has gone already
  }
}

/** Keeps the last bytes of a stream and hands out its lines; a line longer than a screenful is cut. */
function collect(stream: Readable | null, keepBytes: number, onLine?: (line: string) => void): () => string {
  const kept: string[] = [];
  let keptLength = 0;
  let partial = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => {
    kept.push(text);
    keptLength += text.length;
    while (keptLength - (kept[0]?.length ?? 0) >= keepBytes) keptLength -= kept.shift()?.length ?? 0;
    if (!onLine) return;
    const lines = (partial + text).split("\n");
    partial = (lines.pop() ?? "").slice(-LONGEST_LINE);
    for (const line of lines) onLine(line.slice(0, LONGEST_LINE));
  });
  stream?.on("end", () => {
    if (onLine && partial) onLine(partial);
  });
  return () => kept.join("").slice(-keepBytes);
}
