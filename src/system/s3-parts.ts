import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import {
  exchange,
  type FilePiece,
  type HttpAnswer,
  type HttpExchange,
  Refusal,
  uploadFailed,
} from "./http-exchange.ts";
import { EMPTY_SHA256, type HttpUpload, remoteSize } from "./http-upload.ts";
import { type S3Credentials, signS3Request } from "./s3-signature.ts";

/** An upload in parts that has begun, as it is kept until it ends. */
export interface UnfinishedUpload {
  readonly id: string;
  /** Of the whole file. */
  readonly sha256: string;
  readonly partBytes: number;
}

/** A file to put into S3 in parts. */
export interface PartsUpload extends HttpUpload {
  readonly s3: S3Credentials;
  /** What an earlier run has begun for this address. */
  readonly unfinished: UnfinishedUpload | undefined;
  /** Keeps what has begun. */
  readonly keep: (unfinished: UnfinishedUpload) => Promise<void>;
}

const MIB = 1024 * 1024;
/** S3 wants 5 MiB at least, and takes 10,000 parts. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const SMALLEST_PART_BYTES = 16 * MIB;
const MOST_PARTS = 10_000;
const LANES = 4;

/** Whether a file is so large that it goes in parts. */
export function goesInParts(sizeBytes: number): boolean {
  return sizeBytes > 2 * SMALLEST_PART_BYTES;
}

/**
 * Puts a file into S3 in parts, four at a time, each with its hash. Parts that an earlier run has sent of the same content are not sent
 * again. What is broken off stays at the service, for the next run.
 *
 * @throws upload-failed
 */
export async function putInParts(upload: PartsUpload): Promise<void> {
  const { begun, arrived } = await goOn(upload);
  const pieces = piecesOf(upload, begun.partBytes);
  const tags = new Map<number, string>();
  for (const [index, { sizeBytes }] of pieces.entries()) {
    const part = arrived.get(index + 1);
    if (part?.sizeBytes !== sizeBytes) continue;
    tags.set(index + 1, part.tag);
    upload.onBytes(sizeBytes);
  }
  const waiting = [...pieces.entries()].filter(([index]) => !tags.has(index + 1));
  const lanes = Array.from({ length: LANES }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, piece] = next;
      tags.set(index + 1, await putPart(upload, begun.id, index + 1, piece).catch(beginNoMore));
    }
  });
  await Promise.allSettled(lanes); // what is on its way arrives, also when another part is refused
  await Promise.all(lanes);
  await complete(upload, begun.id, tags);

  function beginNoMore(error: unknown): never {
    waiting.length = 0;
    throw error;
  }
}

interface ArrivedPart {
  readonly sizeBytes: number;
  readonly tag: string;
}

/** Takes up what an earlier run has begun; that of another content is given up, and what the service has forgotten begins anew. */
async function goOn(upload: PartsUpload) {
  const { unfinished, sha256 } = upload;
  if (unfinished !== undefined && unfinished.sha256 === sha256) {
    const arrived = await partsOf(upload, unfinished.id).catch(passUnknown);
    if (arrived !== undefined) return { begun: unfinished, arrived };
  } else if (unfinished !== undefined) {
    await ask(upload, "DELETE", { uploadId: unfinished.id }).catch(passUnknown);
  }
  const { text } = await ask(upload, "POST", { uploads: "" });
  const id = field(text, "UploadId");
  if (id === undefined) throw uploadFailed(upload.url, new Error("the service begins no upload in parts"));
  const partBytes = Math.max(SMALLEST_PART_BYTES, Math.ceil(upload.sizeBytes / MOST_PARTS / MIB) * MIB);
  const begun = { id, sha256, partBytes };
  await upload.keep(begun);
  return { begun, arrived: new Map<number, ArrivedPart>() };
}

function passUnknown(error: unknown): undefined {
  if (error instanceof Error && error.cause instanceof Refusal && error.cause.status === 404) return undefined;
  throw error;
}

async function partsOf(upload: PartsUpload, uploadId: string): Promise<Map<number, ArrivedPart>> {
  const parts = new Map<number, ArrivedPart>();
  for (let marker = "0"; ; ) {
    const { text } = await ask(upload, "GET", { "part-number-marker": marker, uploadId });
    for (const [, part = ""] of text.matchAll(/<Part>(.*?)<\/Part>/gs))
      parts.set(Number(field(part, "PartNumber")), {
        sizeBytes: Number(field(part, "Size")),
        tag: field(part, "ETag") ?? "",
      });
    const next = field(text, "NextPartNumberMarker");
    if (field(text, "IsTruncated") !== "true" || next === undefined || next === marker) return parts;
    marker = next;
  }
}

function piecesOf({ path, sizeBytes }: HttpUpload, partBytes: number): FilePiece[] {
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => {
    const start = index * partBytes;
    return { path, start, sizeBytes: Math.min(partBytes, sizeBytes - start) };
  });
}

async function putPart(upload: PartsUpload, uploadId: string, number: number, piece: FilePiece): Promise<string> {
  const hash = createHash("sha256");
  const end = piece.start + piece.sizeBytes - 1;
  await pipeline(createReadStream(piece.path, { start: piece.start, end }), hash, { signal: upload.signal });
  const query = { partNumber: String(number), uploadId };
  const { headers } = await ask(upload, "PUT", query, piece, hash.digest("hex"));
  if (headers.etag === undefined) throw uploadFailed(upload.url, new Error("the service gives a part no tag"));
  return headers.etag;
}

async function complete(upload: PartsUpload, uploadId: string, tags: ReadonlyMap<number, string>): Promise<void> {
  const parts = [...tags]
    .sort(([a], [b]) => a - b)
    .map(([number, tag]) => {
      return `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`;
    });
  const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  const sha256 = createHash("sha256").update(body).digest("hex");
  const answer = await ask(upload, "POST", { uploadId }, body, sha256).catch(async (error: unknown) => {
    // an answer that was lost: asked once more, the service knows no such upload, since it has the file
    if (passUnknown(error) === undefined && (await remoteSize(upload)) === upload.sizeBytes) return undefined;
    throw error;
  });
  // a service may begin to answer before it knows how it ends
  const code = answer && /<Error>/.test(answer.text) ? (field(answer.text, "Code") ?? "an error") : undefined;
  if (code !== undefined) throw uploadFailed(upload.url, new Error(`the service answers ${code}`));
}

function ask(
  { url, s3, signal, onBytes }: PartsUpload,
  method: HttpExchange["method"],
  query: Readonly<Record<string, string>>,
  body?: FilePiece | string,
  sha256: string = EMPTY_SHA256,
): Promise<HttpAnswer> {
  const target = new URL(url);
  target.search = Object.entries(query)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
  const headers = () => signS3Request({ method, url: target, sha256, at: new Date() }, s3);
  return exchange({ method, url: target, headers, ...(body === undefined ? {} : { body }), signal, onBytes });
}

/** The text of an answer's first element of a name; what it holds has no elements in it. */
function field(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
