import { createReadStream } from "node:fs";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import { readDeadlines } from "./deadlines.ts";

/** A piece of a file, in bytes. */
export interface FilePiece {
  readonly path: string;
  readonly start: number;
  readonly sizeBytes: number;
}

/** A request to send. */
export interface HttpExchange {
  readonly method: "PUT" | "HEAD" | "GET" | "POST" | "DELETE";
  readonly url: URL;
  /** Made anew for each attempt, since a signature holds the time. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly body?: FilePiece | string;
  readonly signal: AbortSignal;
  /** Told of what was sent; of less than nothing when an attempt failed. */
  readonly onBytes?: (count: number) => void;
}

/** What the server says. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const ATTEMPTS = 4;
const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * Sends a request whose answer is to be a success. A broken connection and a server that is busy are tried again, a refusal isn't.
 *
 * @throws upload-failed, whose cause has the status of a refusal
 */
export async function exchange(wanted: HttpExchange): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    let sent = 0;
    const onBytes = (count: number) => {
      sent += count;
      wanted.onBytes?.(count);
    };
    try {
      const answer = await send({ ...wanted, onBytes });
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw new Refusal(answer.status);
    } catch (error) {
      wanted.onBytes?.(-sent);
      wanted.signal.throwIfAborted();
      if (attempt === ATTEMPTS || (error instanceof Refusal && error.isFinal)) throw uploadFailed(wanted.url, error);
      await delay(500 * 2 ** attempt, undefined, { signal: wanted.signal });
    }
  }
}

/** An answer that is no success. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the server answers ${status}`);
    this.status = status;
  }
  get isFinal(): boolean {
    return this.status < 500 && this.status !== 429 && this.status !== 408;
  }
}

/** The error of an upload; logins and queries of the address do not show. */
export function uploadFailed(url: URL, cause: unknown): VmbuilderError {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new VmbuilderError(
    "upload-failed",
    `${url.protocol}//${url.host}${url.pathname}: ${message || String(code)}`,
    {
      hint: "run it again: what has arrived is not sent twice",
      cause,
    },
  );
}

/** Sends a request once, whatever the answer. */
export async function send({ method, url, headers, body, signal, onBytes }: HttpExchange): Promise<HttpAnswer> {
  const { stallMs } = readDeadlines();
  const target = new URL(url);
  target.username = target.password = "";
  const module = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
  const agent = new module.Agent({ proxyEnv: process.env });
  const isText = typeof body === "string";
  const sizeBytes = isText ? Buffer.byteLength(body) : (body?.sizeBytes ?? 0);
  const length: Record<string, string> = body === undefined ? {} : { "content-length": String(sizeBytes) };
  try {
    const options = { method, headers: { ...length, ...headers() }, agent, signal, timeout: stallMs };
    const outgoing = module.request(target, options);
    outgoing.once("timeout", () => outgoing.destroy(new Error(`nothing went on for ${stallMs / 1000} s`)));
    const answer = answerOf(outgoing);
    answer.catch(() => {}); // also when the sending fails first
    if (body === undefined || sizeBytes === 0) outgoing.end();
    else if (isText) outgoing.end(body);
    else {
      const end = body.start + sizeBytes - 1;
      const source = createReadStream(body.path, { start: body.start, end, highWaterMark: 256 * 1024 });
      source.on("data", (piece) => onBytes?.(piece.length));
      // a server that refuses may answer and close before it has read everything: its answer tells more than the broken pipe
      await pipeline(source, outgoing, { signal }).catch(async (error: unknown) => {
        const early = await Promise.race([answer.catch(() => undefined), delay(1000)]);
        if (early === undefined) throw error;
      });
    }
    return await answer;
  } finally {
    agent.destroy();
  }
}

async function answerOf(outgoing: ClientRequest): Promise<HttpAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", resolve);
  });
  let text = "";
  for await (const piece of response.setEncoding("utf8")) {
    text += piece;
    if (text.length > LARGEST_ANSWER_BYTES) throw new Error("the answer is too large");
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}
