import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, type WriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Agent as HttpAgent, IncomingMessage } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import { basename, dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { VmbuilderError } from "../model/errors.ts";
import { isInwards, type Scope, scopeOf } from "./address-scope.ts";
import { readDeadlines } from "./deadlines.ts";
import { fileError } from "./files.ts";

/** Connections that a set of downloads shares; close it when they are done. */
export interface Downloader {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Silence after which a download is given up. */
  readonly stallMs: number;
  close(): void;
}

/** What is known of a file before it is fetched, and whom to tell of its bytes. */
export interface DownloadOptions {
  readonly downloader: Downloader;
  readonly signal: AbortSignal;
  readonly sha256?: string;
  readonly sizeBytes?: number;
  /** Refuse more than this when the size isn't known. */
  readonly limitBytes?: number;
  readonly onBytes?: (count: number) => void;
  readonly attempts?: number;
  /** Folder on the target's file system for what isn't complete yet; default: the target's own. */
  readonly scratch?: string;
}

const SLOWEST_BYTES_PER_SECOND = 64;
const LONGEST_REDIRECT_CHAIN = 5;

/** Opens a set of kept-alive connections; a proxy is taken from `proxy` or the environment. */
export function openDownloader(connections: number, proxy?: string): Downloader {
  const env = proxy ? { http_proxy: proxy, https_proxy: proxy } : process.env;
  const options = { keepAlive: true, maxSockets: connections, proxyEnv: env };
  // Loaded here, not at the top: they would take a tenth of the time of a clone, which downloads nothing.
  const http = new (process.getBuiltinModule("node:http").Agent)(options);
  const https = new (process.getBuiltinModule("node:https").Agent)(options);
  return {
    http,
    https,
    stallMs: readDeadlines().stallMs,
    close() {
      http.destroy();
      https.destroy();
    },
  };
}

/**
 * Fetches a file and checks its size and hash on the way; `target` appears only when all of it is right.
 * A broken connection is tried again, a wrong content isn't.
 *
 * @throws mirror-unreachable, mirror-stalled, redirect-refused, package-missing, package-corrupt, disk-full, interrupted
 */
export async function download(url: string, target: string, options: DownloadOptions): Promise<void> {
  const temporary = join(options.scratch ?? dirname(target), `${basename(target)}.${randomUUID()}.part`);
  try {
    await withRetries(url, options, async () => {
      const sink = createWriteStream(temporary, { mode: 0o644 });
      await receive(url, options, sink);
    });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, target);
  }
}

/**
 * Fetches a small file into memory.
 *
 * @throws as {@link download}
 */
export async function downloadText(url: string, options: DownloadOptions): Promise<string> {
  return (await downloadBytes(url, options)).toString("utf8");
}

/** Like {@link downloadText}, for what is no text. */
export function downloadBytes(url: string, options: DownloadOptions): Promise<Buffer> {
  return withRetries(url, options, async () => {
    const pieces: Buffer[] = [];
    await receive(url, { limitBytes: 16 * 1024 * 1024, ...options }, { push: (piece) => pieces.push(piece) });
    return Buffer.concat(pieces);
  });
}

async function withRetries<T>(url: string, options: DownloadOptions, attempt: () => Promise<T>): Promise<T> {
  const attempts = options.attempts ?? 3;
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      options.signal.throwIfAborted();
      const again =
        error instanceof VmbuilderError
          ? error.code === "mirror-unreachable" && !error.message.includes("answers 4")
          : false;
      if (!again || n >= attempts || url.startsWith("file:")) throw error;
      await delay(250 * 4 ** (n - 1), undefined, { signal: options.signal });
    }
  }
}

type Sink = WriteStream | { push(piece: Buffer): void };

async function receive(url: string, options: DownloadOptions, sink: Sink): Promise<void> {
  const source = await openSource(url, options);
  const hash = createHash("sha256");
  const limit = options.sizeBytes ?? options.limitBytes ?? Number.MAX_SAFE_INTEGER;
  const watch = watchStall(source, url, options.downloader.stallMs);
  let received = 0;
  if (!("push" in sink)) sink.once("error", (error) => source.destroy(error));
  try {
    for await (const chunk of source) {
      const piece = chunk as Buffer;
      received += piece.length;
      if (received > limit) throw corrupt(url, `is larger than ${limit} bytes`);
      watch.count(piece.length);
      hash.update(piece);
      options.onBytes?.(piece.length);
      if ("push" in sink) sink.push(piece);
      else if (!sink.write(piece)) await once(sink, "drain");
    }
  } catch (error) {
    if (!("push" in sink)) sink.destroy();
    throw watch.stalled ?? networkError(url, error);
  } finally {
    watch.stop();
    source.destroy();
  }
  if (!("push" in sink)) {
    sink.end();
    await finished(sink);
  }
  if (options.sizeBytes !== undefined && received < options.sizeBytes)
    throw corrupt(url, `ends after ${received} of ${options.sizeBytes} bytes`);
  if (options.sha256 !== undefined && hash.digest("hex") !== options.sha256)
    throw corrupt(url, "does not have the hash that the archive signed");
}

async function openSource(url: string, options: DownloadOptions) {
  if (url.startsWith("file:")) return createReadStream(fileURLToPath(url));
  if (!url.startsWith("iso:")) return request(url, options, { redirects: 0 });
  const { openIsoFile } = await import("./iso9660.ts"); // rarely wanted
  return openIsoFile(url);
}

/** How a request came about. */
interface Hop {
  readonly redirects: number;
  /** What redirected here, and how far its address reaches. */
  readonly from?: { readonly url: string; readonly scope: Scope } | undefined;
}

function request(url: string, options: DownloadOptions, hop: Hop): Promise<IncomingMessage> {
  const address = new URL(url);
  const secure = address.protocol === "https:";
  const settings = {
    agent: secure ? options.downloader.https : options.downloader.http,
    signal: options.signal,
    timeout: options.downloader.stallMs,
    ...(hop.from ? { lookup: outwardLookup(hop.from) } : {}),
  };
  return new Promise((resolve, reject) => {
    const literal = scopeOf(address.hostname);
    if (hop.from && literal && isInwards(hop.from.scope, literal)) throw inwards(hop.from.url, url);
    const outgoing = process
      .getBuiltinModule(secure ? "node:https" : "node:http")
      .get(address, settings, (response) => {
        const status = response.statusCode ?? 0;
        if (status === 200) return resolve(response);
        response.resume();
        if (status >= 300 && status < 400 && response.headers.location !== undefined) {
          const from = { url, scope: scopeOf(response.socket.remoteAddress ?? "") ?? "public" };
          follow(url, response.headers.location, hop.redirects)
            .then((next) => request(next, options, { redirects: hop.redirects + 1, from }))
            .then(resolve, reject);
          return;
        }
        const code = status === 404 || status === 410 ? "package-missing" : "mirror-unreachable";
        reject(
          new VmbuilderError(code, `${url}: the mirror answers ${status} ${response.statusMessage ?? ""}`.trimEnd(), {
            hint: "check --mirror",
          }),
        );
      });
    // A connection that is kept, or to an address that needs no look-up.
    outgoing.once("socket", ({ remoteAddress }) => {
      const scope = scopeOf(remoteAddress ?? "");
      if (hop.from && scope && isInwards(hop.from.scope, scope)) outgoing.destroy(inwards(hop.from.url, url));
    });
    outgoing.once("timeout", () => outgoing.destroy(stalled(url, options.downloader.stallMs)));
    outgoing.once("error", (error) => reject(networkError(url, error)));
  });
}

/** Finds a host's address as ever, and refuses one that reaches less far than the redirect's origin. */
function outwardLookup(from: { url: string; scope: Scope }): LookupFunction {
  return (host, options, done) => {
    process.getBuiltinModule("node:dns").lookup(host, options, (error, address, family) => {
      const found = typeof address === "string" ? [address] : (address ?? []).map((one) => one.address);
      const isBad = found.some((one) => isInwards(from.scope, scopeOf(one) ?? "public"));
      if (!error && isBad) done(inwards(from.url, `http://${host}/`), address, family);
      else done(error, address, family);
    });
  };
}

/** A mirror may send elsewhere, but not to what it cannot reach itself: the machine that asks, or its network. */
function inwards(from: string, to: string): VmbuilderError {
  return new VmbuilderError(
    "redirect-refused",
    `${from} redirects to ${new URL(to).hostname}, an address inside this network`,
    {
      hint: "no mirror does that: a portal wants a login, or somebody looks for what is inside",
    },
  );
}

async function follow(from: string, location: string, redirects: number): Promise<string> {
  const refuse = (why: string) =>
    new VmbuilderError("redirect-refused", `${from} redirects ${why}`, {
      hint: "give the final address with --mirror",
    });
  if (redirects >= LONGEST_REDIRECT_CHAIN) throw refuse(`more than ${LONGEST_REDIRECT_CHAIN} times`);
  if (/[\r\n\0]/.test(location) || !URL.canParse(location, from)) throw refuse("to a malformed address");
  const next = new URL(location, from);
  const downgraded = from.startsWith("https:") && next.protocol === "http:";
  if ((next.protocol !== "http:" && next.protocol !== "https:") || downgraded)
    throw refuse(`to ${next.protocol}, which is not followed`);
  return next.href;
}

/** Ends a source that has sent nothing, or almost nothing, for a whole interval. */
function watchStall(source: { destroy(error?: Error): void }, url: string, stallMs: number) {
  let bytes = 0;
  const watch: { stalled: VmbuilderError | undefined; count(n: number): void; stop(): void } = {
    stalled: undefined,
    count: (n) => {
      bytes += n;
    },
    stop: () => clearInterval(timer),
  };
  const timer = setInterval(() => {
    if (bytes < (SLOWEST_BYTES_PER_SECOND * stallMs) / 1000) {
      watch.stalled = stalled(url, stallMs);
      source.destroy(watch.stalled);
    }
    bytes = 0;
  }, stallMs);
  return watch;
}

function stalled(url: string, stallMs: number): VmbuilderError {
  return new VmbuilderError("mirror-stalled", `${url}: nothing came for ${stallMs / 1000} s`, {
    hint: "try again, or another --mirror",
  });
}

function corrupt(url: string, why: string): VmbuilderError {
  return new VmbuilderError("package-corrupt", `${url} ${why}`, {
    hint: "the mirror or a proxy on the way is damaged: try again, or another --mirror",
  });
}

function networkError(url: string, error: unknown): unknown {
  if (error instanceof VmbuilderError || !(error instanceof Error) || error.name === "AbortError") return error;
  if ("code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT" || error.code === "EIO")) return error;
  if ("code" in error && error.code === "ENOENT")
    return new VmbuilderError("package-missing", `${url} does not exist`, { cause: error });
  return new VmbuilderError(
    "mirror-unreachable",
    `${url}: ${error.message || String((error as NodeJS.ErrnoException).code)}`,
    {
      hint: "check the network and --mirror; a proxy is taken from http_proxy or --proxy",
      cause: error,
    },
  );
}
