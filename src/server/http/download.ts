import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { VmbuilderError } from "../../model/errors.ts";
import { DirectAnswer } from "./direct-answer.ts";

/** A file to give away, and what is known of it. */
export interface DownloadedFile {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
}

const PIECE_BYTES = 256 * 1024;

/**
 * Gives a file, or a range of it. It is opened before anything is said: who has begun to get it gets all, even when it is
 * removed meanwhile.
 *
 * @throws gone, range-impossible
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export async function sendFile(request: Request, { path, name, sha256 }: DownloadedFile): Promise<Response> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
    throw new VmbuilderError("gone", `${name} is not there any more`, { cause });
  });
  try {
    const { size, mtime } = await file.stat();
    const etag = `"${sha256}"`;
    const headers = new Headers({
      "accept-ranges": "bytes",
      "cache-control": "private, no-cache",
      "content-disposition": `attachment; filename="${name.replace(/[^\x20-\x7e]|["\\]/g, "_")}"; filename*=UTF-8''${encodeURIComponent(name)}`,
      "content-type": "application/octet-stream",
      "etag": etag,
      "last-modified": mtime.toUTCString(),
    });
    if (request.headers.get("if-none-match")?.includes(etag)) {
      await file.close();
      return new Response(null, { status: 304, headers });
    }
    const isSame = [null, etag].includes(request.headers.get("if-range"));
    const range = isSame ? parseRange(request.headers.get("range"), size) : undefined;
    if (range === "impossible")
      throw Object.assign(new VmbuilderError("range-impossible", `${name} has ${size} bytes`), { size });
    const [start, end] = range ?? [0, size - 1];
    headers.set("content-length", String(end - start + 1));
    if (range) headers.set("content-range", `bytes ${start}-${end}/${size}`);
    const status = range ? 206 : 200;
    if (request.method === "HEAD" || size === 0) {
      await file.close();
      return new Response(null, { status, headers });
    }
    return new DirectAnswer((to) => void pour(file, start, end, to), { status, headers });
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
}

/** Writes a part of a file to a connection: one piece is read while another is sent, in the same two buffers all the time. */
async function pour(file: FileHandle, start: number, end: number, to: ServerResponse): Promise<void> {
  let [next, other] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  let sent: Promise<void> = Promise.resolve();
  let goOn = () => {};
  to.once("close", () => goOn());
  try {
    for (let at = start; at <= end; ) {
      const { bytesRead } = await file.read(next, 0, Math.min(PIECE_BYTES, end + 1 - at), at);
      await sent;
      if (bytesRead === 0) throw new Error("the file has become shorter");
      if (to.destroyed) return;
      const piece = next.subarray(0, bytesRead);
      sent = new Promise((resolve) => {
        goOn = resolve;
        to.write(piece, () => resolve());
      });
      [next, other] = [other, next];
      at += bytesRead;
    }
    await sent;
    if (!to.destroyed) to.end();
  } catch {
    to.destroy(); // too late for a status: its reader misses bytes, and asks for the rest
  } finally {
    await file.close().catch(() => {});
  }
}

/**
 * Reads a Range header of one range. What is malformed, or asks for several, counts as none.
 *
 * @returns first and last byte
 */
export function parseRange(header: string | null, size: number): [number, number] | "impossible" | undefined {
  const match = /^bytes=\s*(\d{0,16})\s*-\s*(\d{0,16})\s*$/.exec(header ?? "");
  if (!match) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "" && to === "") return undefined;
  if (from === "") return Number(to) === 0 || size === 0 ? "impossible" : [Math.max(0, size - Number(to)), size - 1];
  const [start, end] = [Number(from), to === "" ? size - 1 : Math.min(Number(to), size - 1)];
  if (to !== "" && Number(to) < start) return undefined;
  return start >= size ? "impossible" : [start, end];
}
