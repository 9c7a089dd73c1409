import { open, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import { isAlive } from "../system/lasting-process.ts";
import { connectQmp } from "../system/qmp.ts";
import { scaleDeadline } from "./accelerator.ts";
import { consoleTail, fatalSign } from "./console-log.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";
import type { MachineStore } from "./store.ts";

const BOOT_DEADLINE_MS = 60_000;
const POLL_MS = 100;
const ATTEMPT_MS = 6000;
const SECOND_KNOCK_MS = 700;
const LOOK_MS = 3000;

/** How long to wait for a machine that boots. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: a minute with KVM, six without. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Waits until a machine's ssh server answers. It gives up early when the machine ends, panics, or otherwise shows that it will
 * never be ready.
 *
 * @throws machine-failed, machine-late, disk-full, all with the last lines of its console
 */
export async function waitForSsh(machine: Machine, running: RunningMachine, options: WaitOptions = {}): Promise<void> {
  const { sshPort, accelerator } = running.run;
  if (sshPort === undefined)
    throw new VmbuilderError("machine-unreachable", `no port of this host leads to ${machine.name}`, {
      hint: "it is on a bridge: use its address there",
    });
  const timeoutMs = options.timeoutMs ?? scaleDeadline(BOOT_DEADLINE_MS, accelerator);
  const end = Date.now() + timeoutMs;
  const greeting = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, greeting.signal]) : greeting.signal;
  let isUp = false;
  let lookedAt = Date.now();
  const knock = async () => {
    while (!isUp && !signal.aborted) {
      isUp ||= await answersSsh(sshPort, signal);
      if (!isUp) await delay(POLL_MS, undefined, { signal }).catch(() => {});
    }
  };
  // a server that is slow drops connections when many are half open, so there are never more than two; the second is for a first
  // whose packet was lost when the machine's network was not there yet, which is sent again only after six seconds
  const second = delay(SECOND_KNOCK_MS, undefined, { signal }).then(knock, () => {});
  const knocking = Promise.race([knock(), second]);
  try {
    while (!isUp) {
      options.signal?.throwIfAborted();
      const fail = async (code: "machine-failed" | "machine-late" | "disk-full", why: string, hint: string) =>
        new VmbuilderError(code, `${machine.name} ${why}`, { hint, detail: await consoleTail(machine) });
      if (!(await isAlive(running.process)))
        throw await fail(
          "machine-failed",
          "ended before it was ready",
          `start it again, or see: vmbuilder logs ${machine.name}`,
        );
      const sign = fatalSign(await consoleTail(machine, 60));
      if (sign !== undefined)
        throw await fail(
          "machine-failed",
          `will never be ready: ${sign}`,
          `it still runs: vmbuilder console ${machine.name}`,
        );
      if (Date.now() > lookedAt + LOOK_MS) {
        lookedAt = Date.now();
        if (await standsForSpace(machine))
          throw await fail(
            "disk-full",
            "stands still: the disk of this host is full",
            `make room, then: vmbuilder restart --force ${machine.name}`,
          );
      }
      if (Date.now() > end)
        throw await fail(
          "machine-late",
          `did not answer over ssh within ${Math.round(timeoutMs / 1000)} s`,
          `it still runs: look at vmbuilder console ${machine.name}, or wait longer with --timeout`,
        );
      await Promise.race([knocking, delay(POLL_MS)]);
    }
  } finally {
    greeting.abort();
  }
}

/** qemu stops a machine whose disk cannot grow. One that doesn't answer, since another command talks to it, is left alone. */
async function standsForSpace({ directory }: Machine): Promise<boolean> {
  const qmp = await connectQmp(directory, MACHINE_FILES.qmp, 0).catch(() => undefined);
  try {
    return ((await qmp?.execute("query-status")) as { status?: string } | undefined)?.status === "io-error";
  } catch {
    return false; // it has just ended, which is seen elsewhere
  } finally {
    qmp?.close();
  }
}

/** Whether a port speaks ssh within a few seconds. qemu takes every connection, so that only the greeting tells. */
export function answersSsh(port: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    const stop = () => finish(false);
    const finish = (answer: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      socket.destroy();
      resolve(answer);
    };
    signal?.addEventListener("abort", stop);
    const timer = setTimeout(() => finish(false), ATTEMPT_MS);
    socket.once("data", (data) => finish(data.toString("latin1").startsWith("SSH-")));
    socket.once("error", () => finish(false));
    socket.once("close", () => finish(false));
  });
}

/**
 * The options with which ssh, scp and sftp reach a machine as root. Its host key is noted at the first contact, in its own
 * folder, and must stay the same from then on.
 *
 * @param log file that takes what ssh itself has to say, so that it doesn't mix with what the command says
 */
export function sshOptions(store: MachineStore, machine: Machine, log?: string): string[] {
  const options = {
    IdentityFile: `"${join(store.directory, "id_ed25519")}"`,
    IdentitiesOnly: "yes",
    UserKnownHostsFile: `"${join(machine.directory, MACHINE_FILES.knownHosts)}"`,
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: machine.name,
    StrictHostKeyChecking: "accept-new",
    CheckHostIP: "no",
    BatchMode: "yes",
    ConnectTimeout: "30",
    ServerAliveInterval: "30",
    LogLevel: "ERROR",
  };
  return [
    ...["-F", "none"], // nobody's own settings
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(log === undefined ? [] : ["-E", log]),
  ];
}

/** A file for ssh's own words, during one run of it. */
export async function withSshLog<T>(work: (log: string) => Promise<T>): Promise<{ result: T; said: string }> {
  const log = join(tmpdir(), `vmbuilder-ssh-${process.pid}-${Math.random().toString(36).slice(2)}.log`);
  await (await open(log, "wx", 0o600)).close();
  try {
    const result = await work(log);
    return { result, said: (await readFile(log, "utf8").catch(() => "")).trim() };
  } finally {
    await rm(log, { force: true });
  }
}
