import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecureContext } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import { VmbuilderError } from "../../model/errors.ts";
import type { Sockets } from "./sockets.ts";

/** Where a server listens. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  /** A socket that systemd has opened. @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html */
  readonly socketFd?: number | undefined;
}

type Fetch = Parameters<typeof getRequestListener>[0];

const HEADERS_MS = 10_000;
const IDLE_MS = 5000;
/** A body of 12 MiB over a slow line. */
const REQUEST_MS = 120_000;
const MOST_HEADER_BYTES = 16 * 1024;
const MOST_CONNECTIONS = 8192;
const CHECK_MS = 2000;

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Takes no more requests; waits for those that are being answered, for a while. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens. Whoever is slow, idle or endless is cut off by node itself: 408, 431.
 *
 * @throws port-unusable, file-unreadable
 */
export async function listen(fetch: Fetch, sockets: Sockets, options: ListenOptions): Promise<Listener> {
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: MOST_HEADER_BYTES,
    connectionsCheckingInterval: CHECK_MS,
  };
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false });
  const handler = (...args: Parameters<typeof answer>) => void answer(...args);
  const server: Server = options.tls
    ? createSecureServer({ ...limits, ...(await readTls(options.tls)) }, handler)
    : createServer(limits, handler);
  server.on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(unusable(options, cause)));
    const ready = () => resolve();
    if (options.socketFd !== undefined) server.listen({ fd: options.socketFd }, ready);
    else server.listen(options.port, options.host, ready);
  });
  const address = server.address() as AddressInfo | null;
  return {
    port: address?.port ?? options.port,
    close: (graceMs) =>
      new Promise((resolve) => {
        sockets.close();
        const late = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** The socket that systemd hands over to this very process; see sd_listen_fds(3). */
export function inheritedSocket(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  return env.LISTEN_PID === String(pid) && Number(env.LISTEN_FDS) >= 1 ? 3 : undefined;
}

async function readTls({
  certificate,
  key,
}: {
  certificate: string;
  key: string;
}): Promise<{ cert: Buffer; key: Buffer }> {
  const read = (path: string) =>
    readFile(path).catch((cause: NodeJS.ErrnoException) => {
      throw new VmbuilderError("file-unreadable", `cannot read ${path}: ${cause.message}`, { cause });
    });
  const pair = { cert: await read(certificate), key: await read(key) };
  try {
    createSecureContext(pair);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VmbuilderError("file-unreadable", `${certificate} and ${key} are no certificate and its key: ${why}`, {
      hint: "both are PEM files; the key has no password",
      cause,
    });
  }
  return pair;
}

function unusable({ host, port }: ListenOptions, cause: NodeJS.ErrnoException): VmbuilderError {
  const why = {
    EADDRINUSE: "another program listens there",
    EACCES: "that takes root's rights",
    EADDRNOTAVAIL: "this machine has no such address",
  }[cause.code ?? ""];
  return new VmbuilderError("port-unusable", `cannot listen on ${host} port ${port}: ${why ?? cause.message}`, {
    hint: "give another --port or --host",
    cause,
  });
}
