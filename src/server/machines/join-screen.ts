import type { WebSocket } from "ws";
import { MACHINE_FILES, type Machine } from "../../machines/machine.ts";
import { connectIn } from "../../system/qmp.ts";

/** Beyond this, qemu waits until the viewer has read. */
const MOST_UNREAD_BYTES = 1024 ** 2;

/** Leads VNC between a machine's screen and a viewer, until one of them leaves. qemu serves several viewers. */
export async function joinScreen(machine: Machine, viewer: WebSocket): Promise<void> {
  const socket = await connectIn(machine.directory, MACHINE_FILES.screen);
  socket.on("error", () => {}); // its close follows
  if (viewer.readyState !== viewer.OPEN) return void socket.destroy();
  socket.on("data", (data) => {
    viewer.send(data, () => {
      if (socket.isPaused() && viewer.bufferedAmount < MOST_UNREAD_BYTES) socket.resume();
    });
    if (viewer.bufferedAmount > MOST_UNREAD_BYTES) socket.pause();
  });
  viewer.on("message", (data: Buffer) => socket.write(data));
  socket.once("close", () => viewer.close(1001, "the machine has stopped"));
  viewer.once("close", () => socket.destroy());
}
