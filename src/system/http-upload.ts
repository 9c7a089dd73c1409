import { createReadStream } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import { readDeadlines } from "./deadlines.ts";
import { type S3Credentials, signS3Request } from "./s3-signature.ts";

/** A file to put somewhere. */
export interface HttpUpload {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly url: URL;
  /** Signs each request as S3 wants it. */
  readonly s3: S3Credentials | undefined;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

const ATTEMPTS = 4;

/**
 * Puts a file by HTTP. A broken connection and a server that is busy are tried again, a refusal isn't. Credentials in the
 * address, or the token in VMBUILDER_UPLOAD_TOKEN, are sent along; they show in no message.
 *
 * @throws upload-failed
 */
export async function putFile(upload: HttpUpload): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    let sent = 0;
    const onBytes = (count: number) => {
      sent += count;
      upload.onBytes(count);
    };
    try {
      const { status, message } = await request("PUT", { ...upload, onBytes });
      if (status >= 200 && status < 300) return;
      const error = failed(upload.url, `the server answers ${status} ${message}`);
      if (status < 500 && status !== 429 && status !== 408) throw Object.assign(error, { isFinal: true });
      throw error;
    } catch (error) {
      upload.onBytes(-sent);
      upload.signal.throwIfAborted();
      if (attempt === ATTEMPTS || (error instanceof Error && "isFinal" in error))
        throw error instanceof VmbuilderError ? error : failed(upload.url, messageOf(error), error);
      await delay(500 * 2 ** attempt, undefined, { signal: upload.signal });
    }
  }
}

/** Size of what is there already, if the server tells. */
export async function remoteSize(upload: Pick<HttpUpload, "url" | "s3" | "signal">): Promise<number | undefined> {
  const none = { path: "", sizeBytes: 0, sha256: EMPTY_SHA256, onBytes: () => {} };
  const { status, length } = await request("HEAD", { ...upload, ...none }).catch(() => {
    upload.signal.throwIfAborted();
    return { status: 0, length: undefined };
  });
  return status === 200 ? length : undefined;
}

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

async function request(method: "PUT" | "HEAD", upload: HttpUpload) {
  const { url, sizeBytes, signal } = upload;
  const { stallMs } = readDeadlines();
  const target = new URL(url);
  target.username = target.password = "";
  const module = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
  const agent = new module.Agent({ proxyEnv: process.env });
  try {
    const outgoing = module.request(target, {
      method,
      headers: headersFor(method, upload),
      agent,
      signal,
      timeout: stallMs,
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error(`nothing went on for ${stallMs / 1000} s`)));
    const answer = answerOf(outgoing);
    answer.catch(() => {}); // also when the sending fails first
    if (method === "PUT" && sizeBytes > 0) {
      const source = createReadStream(upload.path, { highWaterMark: 256 * 1024 });
      source.on("data", (piece) => upload.onBytes(piece.length));
      // a server that refuses may answer and close before it has read everything: its answer tells more than the broken pipe
      await pipeline(source, outgoing, { signal }).catch(async (error: unknown) => {
        const early = await Promise.race([answer.catch(() => undefined), delay(1000)]);
        if (early === undefined) throw error;
      });
    } else outgoing.end();
    return await answer;
  } finally {
    agent.destroy();
  }
}

function answerOf(outgoing: ClientRequest): Promise<{ status: number; message: string; length: number | undefined }> {
  return new Promise((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", (response: IncomingMessage) => {
      response.resume();
      const length = response.headers["content-length"];
      resolve({
        status: response.statusCode ?? 0,
        message: response.statusMessage ?? "",
        length: length === undefined ? undefined : Number(length),
      });
    });
  });
}

function headersFor(method: "PUT" | "HEAD", { url, sizeBytes, sha256, s3 }: HttpUpload): Record<string, string> {
  const body: Record<string, string> =
    method === "PUT" ? { "content-length": String(sizeBytes), "content-type": "application/octet-stream" } : {};
  if (s3) return { ...body, ...signS3Request({ method, url, sha256, at: new Date() }, s3) };
  const token = process.env.VMBUILDER_UPLOAD_TOKEN;
  if (token) return { ...body, authorization: `Bearer ${token}` };
  if (url.username === "") return body;
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { ...body, authorization: `Basic ${Buffer.from(login).toString("base64")}` };
}

function messageOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || String(code);
}

function failed(url: URL, why: string, cause?: unknown): VmbuilderError {
  return new VmbuilderError("upload-failed", `${url.protocol}//${url.host}${url.pathname}: ${why}`, {
    hint: "run it again: what has arrived is not sent twice",
    cause,
  });
}
