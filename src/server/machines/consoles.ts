import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { WebSocket } from "ws";
import { MACHINE_FILES, type Machine } from "../../machines/machine.ts";
import { connectIn } from "../../system/qmp.ts";

/** The serial consoles that somebody looks at. */
export interface Consoles {
  /** Shows a viewer what the console said last and says from now on, and types what they send, until they or the machine leave. */
  join(machine: Machine, viewer: WebSocket): Promise<void>;
}

/** What a viewer who comes later still sees. */
const KEPT_BYTES = 64 * 1024;
/** Who reads so slowly is cut off. */
const MOST_UNREAD_BYTES = 1024 ** 2;

interface OpenConsole {
  readonly socket: Socket;
  readonly viewers: Set<WebSocket>;
  kept: Buffer;
}

/** qemu talks to one client at a time, so that all viewers of a console share one connection. */
export function createConsoles(): Consoles {
  const consoles = new Map<string, Promise<OpenConsole>>();
  const openFor = async (machine: Machine): Promise<OpenConsole> => {
    const socket = await connectIn(machine.directory, MACHINE_FILES.console);
    const one: OpenConsole = { socket, viewers: new Set(), kept: Buffer.alloc(0) };
    socket.on("data", (data) => {
      one.kept = Buffer.concat([one.kept, data]).subarray(-KEPT_BYTES);
      for (const viewer of one.viewers) show(viewer, data);
    });
    socket.on("error", () => {}); // its close follows
    socket.once("close", () => {
      consoles.delete(machine.directory);
      for (const viewer of one.viewers) viewer.close(1001, "the machine has stopped");
    });
    one.kept = await readLogEnd(machine); // what has come meanwhile is in it
    return one;
  };
  return {
    async join(machine, viewer) {
      const key = machine.directory;
      const opening = consoles.get(key) ?? openFor(machine);
      consoles.set(key, opening);
      const one = await opening.catch((error: unknown) => {
        consoles.delete(key);
        throw error;
      });
      if (viewer.readyState !== viewer.OPEN) return leave(one, viewer);
      one.viewers.add(viewer);
      if (one.kept.length > 0) show(viewer, one.kept);
      viewer.on("message", (data: Buffer) => one.socket.write(data));
      viewer.once("close", () => leave(one, viewer));
    },
  };
}

/** The last one to leave makes room for `vmbuilder console`. */
function leave({ viewers, socket }: OpenConsole, viewer: WebSocket): void {
  viewers.delete(viewer);
  if (viewers.size === 0) socket.destroy();
}

function show(viewer: WebSocket, data: Buffer): void {
  if (viewer.bufferedAmount > MOST_UNREAD_BYTES) viewer.close(1013, "too slow");
  else viewer.send(data);
}

async function readLogEnd({ directory }: Machine): Promise<Buffer> {
  const file = await open(join(directory, MACHINE_FILES.consoleLog), "r").catch(() => undefined);
  if (!file) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, KEPT_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
