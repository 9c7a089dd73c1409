import { open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";

/** A conversation with a running qemu. */
export interface Qmp {
  /** Runs a command and gives what it returns. @throws command-failed with qemu's own words */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>;
  /** A line of the human monitor, and what it answers. */
  human(line: string): Promise<string>;
  close(): void;
}

type Message = {
  QMP?: unknown;
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
};

const POLL_MS = 20;

/**
 * Connects to qemu's socket in a folder. One client is served at a time: others wait here until it leaves.
 *
 * @throws machine-unreachable when nobody listens or answers
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export async function connectQmp(directory: string, name: string, timeoutMs = 30_000): Promise<Qmp> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const socket = await connectIn(directory, name).catch((error: unknown) => error);
    if (!(socket instanceof Error)) return negotiate(socket as Socket, end - Date.now());
    if (Date.now() > end)
      throw new VmbuilderError("machine-unreachable", `qemu does not listen at ${directory}/${name}`, {
        cause: socket,
      });
    await delay(POLL_MS);
  }
}

/** Connects to a socket by its folder: a socket's address has room for 107 bytes, which many a path exceeds. */
export async function connectIn(directory: string, name: string): Promise<Socket> {
  const folder = await open(directory, "r");
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(`/proc/self/fd/${folder.fd}/${name}`);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(socket);
      });
    });
  } finally {
    await folder.close();
  }
}

async function negotiate(socket: Socket, timeoutMs: number): Promise<Qmp> {
  const waiting: { resolve(value: unknown): void; reject(error: unknown): void; command: string }[] = [];
  let greet = () => {};
  const greeting = new Promise<void>((resolve) => (greet = resolve));
  const gone = (cause?: unknown) => {
    const error = new VmbuilderError("machine-unreachable", "qemu ended the conversation", { cause });
    for (const one of waiting.splice(0)) one.reject(error);
  };
  socket.on("error", gone);
  socket.on("close", () => gone());
  const lines = createInterface({ input: socket });
  lines.on("error", () => {}); // it passes on the socket's own, which nobody else would hear
  lines.on("line", (line) => {
    const message = JSON.parse(line) as Message;
    if (message.QMP) return greet();
    if (message.event) return; // what happened is asked for where it matters
    const next = waiting.shift();
    if (message.error)
      next?.reject(new VmbuilderError("command-failed", `qemu refuses ${next.command}: ${message.error.desc}`));
    else next?.resolve(message.return);
  });
  const execute = (command: string, args?: Record<string, unknown>) =>
    new Promise<unknown>((resolve, reject) => {
      if (socket.destroyed) return reject(new VmbuilderError("machine-unreachable", "qemu has ended"));
      waiting.push({ resolve, reject, command });
      socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}) })}\n`);
    });
  const qmp: Qmp = {
    execute,
    human: async (line) => String(await execute("human-monitor-command", { "command-line": line })).trim(),
    close: () => socket.destroy(),
  };
  const timer = setTimeout(() => socket.destroy(new Error("no greeting")), Math.max(timeoutMs, 1000));
  try {
    await Promise.race([
      greeting,
      new Promise((_, reject) =>
        socket.once("close", () => reject(new VmbuilderError("machine-unreachable", "qemu does not answer"))),
      ),
    ]);
    await execute("qmp_capabilities");
    return qmp;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
