import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { type Downloader, openDownloader } from "./download.ts";

/** An archive as a machine knows it, and where this host reads the same one. */
export interface ArchiveAddress {
  readonly guest: string;
  readonly host: string;
}

/** A proxy of this host's loopback, for machines. */
export interface ArchiveRelay {
  readonly port: number;
  close(): Promise<void>;
}

const CONNECTIONS = 8;
const LONGEST_REDIRECT_CHAIN = 5;
const ASKED = ["range", "if-range", "if-modified-since", "cache-control", "user-agent", "accept"];
const ANSWERED = ["content-length", "content-range", "content-type", "last-modified", "accept-ranges", "etag"];

/**
 * Opens a proxy by which a machine reads archives as this host reaches them: by its name server and its proxy, by another
 * mirror, or from a folder. It hands on bytes; that they are right is for the machine's own apt to check.
 *
 * @param proxy of this host; default: the environment's
 */
export async function openArchiveRelay(
  addresses: readonly ArchiveAddress[],
  proxy?: string | undefined,
): Promise<ArchiveRelay> {
  const { createServer } = await import("node:http");
  const downloader = openDownloader(CONNECTIONS, proxy);
  const server = createServer((request, response) => {
    relay(request, response, addresses, downloader).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502);
      response.end(error instanceof Error ? error.message : undefined);
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      downloader.close();
    },
  };
}

/** Finds where this host reads what a machine asks for; undefined for what is no archive's. */
export function hostAddress(asked: string, addresses: readonly ArchiveAddress[]): URL | undefined {
  if (!URL.canParse(asked)) return undefined;
  const { href, protocol } = new URL(asked); // without any ..
  if (protocol !== "http:") return undefined;
  const found = addresses.find(({ guest }) => href.startsWith(folder(guest)));
  if (found) return new URL(folder(found.host) + href.slice(folder(found.guest).length));
  const isNear = addresses.some(({ guest }) => new URL(guest).host === new URL(asked).host);
  return isNear ? new URL(href) : undefined;
}

function folder(address: string): string {
  return `${address.replace(/\/+$/, "")}/`;
}

async function relay(
  request: IncomingMessage,
  response: ServerResponse,
  addresses: readonly ArchiveAddress[],
  downloader: Downloader,
): Promise<void> {
  const url = hostAddress(request.url ?? "", addresses);
  if (!url || (request.method !== "GET" && request.method !== "HEAD")) {
    response.writeHead(403).end();
    return;
  }
  if (url.protocol === "file:") return sendFile(fileURLToPath(url), request, response);
  const source = await open(url, request, downloader);
  response.writeHead(source.statusCode ?? 502, some(source.headers, ANSWERED));
  await pipeline(source, response);
}

async function sendFile(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-length": found.size, "last-modified": found.mtime.toUTCString() });
  if (request.method === "HEAD") response.end();
  else await pipeline(createReadStream(path), response);
}

/** Follows redirects, which may lead to where the machine cannot go. */
async function open(
  url: URL,
  request: IncomingMessage,
  downloader: Downloader,
  redirects = LONGEST_REDIRECT_CHAIN,
): Promise<IncomingMessage> {
  const { get } = await (url.protocol === "https:" ? import("node:https") : import("node:http"));
  const options = {
    agent: url.protocol === "https:" ? downloader.https : downloader.http,
    method: request.method,
    headers: some(request.headers, ASKED),
    timeout: downloader.stallMs,
  };
  const source = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = get(url, options, resolve);
    asked.once("error", reject).once("timeout", () => asked.destroy(new Error(`${url.host} doesn't answer`)));
  });
  const { location } = source.headers;
  if (location === undefined || redirects === 0 || ![301, 302, 303, 307, 308].includes(source.statusCode ?? 0))
    return source;
  source.resume();
  return open(new URL(location, url), request, downloader, redirects - 1);
}

function some(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string | string[]> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
