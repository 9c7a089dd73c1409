import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 100;

/**
 * Takes a lock that the kernel gives back when its holder dies: the exclusive right to bind an abstract socket's name.
 * It reaches all processes of this network namespace; across machines, atomic commits alone keep a shared cache whole.
 *
 * @returns a function that releases the lock
 * @see https://man7.org/linux/man-pages/man7/unix.7.html (abstract socket addresses)
 */
export async function acquireLock(name: string, signal?: AbortSignal): Promise<() => Promise<void>> {
  const address = `\0vmbuilder/${createHash("sha256").update(name).digest("hex")}`;
  for (;;) {
    const release = await tryBind(address);
    if (release) return release;
    await delay(POLL_MS, undefined, signal ? { signal } : {});
  }
}

function tryBind(address: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(address, () => {
      server.unref();
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}
