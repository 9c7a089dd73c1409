import { chmod, open, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../../model/errors.ts";
import type { EventSink } from "../../model/events.ts";
import { sha256File } from "../../system/files.ts";
import type { ServerClient } from "./client.ts";

/** A file of an image, as the server tells of it. */
export interface RemoteFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: string | null;
}

const STEP = "deploy/fetch";
const ATTEMPTS = 5;
const RETRY_MS = 1000;
const TELL_MS = 250;

/**
 * Fetches an image's files into a folder; one that is cut off goes on where it was.
 *
 * @throws server-unreachable, artifact-changed
 */
export async function downloadImage(
  imageId: string,
  folder: string,
  client: ServerClient,
  session: { readonly emit: EventSink; readonly signal: AbortSignal },
): Promise<readonly RemoteFile[]> {
  const image = await client.ask<{ files: readonly RemoteFile[] }>("GET", `images/${encodeURIComponent(imageId)}`);
  const total = image.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  let toldAt = 0;
  const tell = (bytes: number) => {
    done += bytes;
    if (Date.now() - toldAt < TELL_MS && done < total) return;
    toldAt = Date.now();
    session.emit({ type: "progress", step: STEP, done, total, unit: "bytes", atMs: toldAt });
  };
  for (const file of image.files) {
    if (file.name !== basename(file.name) || file.name.startsWith("."))
      throw new VmbuilderError("artifact-changed", `the server names a file "${file.name.slice(0, 80)}"`);
    await downloadFile(`images/${encodeURIComponent(imageId)}/files/${encodeURIComponent(file.name)}`, file, folder, {
      ...session,
      client,
      tell,
    });
  }
  return image.files;
}

async function downloadFile(
  path: string,
  { name, sizeBytes, sha256 }: RemoteFile,
  folder: string,
  { client, signal, tell }: { client: ServerClient; signal: AbortSignal; tell(bytes: number): void },
): Promise<void> {
  const target = join(folder, name);
  await (await open(target, "a")).close();
  for (let attempt = 1; ; attempt++) {
    const offset = (await stat(target)).size;
    if (offset === sizeBytes) break;
    try {
      const headers = offset === 0 ? {} : { "range": `bytes=${offset}-`, "if-range": `"${sha256}"` };
      const answer = await client.fetch(path, { headers });
      await append(answer, target, answer.status === 206 ? offset : 0, tell);
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === ATTEMPTS) throw error;
      await delay(RETRY_MS, undefined, { signal });
    }
  }
  if ((await sha256File(target, signal)) !== sha256)
    throw new VmbuilderError("artifact-changed", `${name} came damaged from the server`, { hint: "try again" });
  if (name.endsWith(".sh")) await chmod(target, 0o755);
}

async function append(answer: Response, target: string, offset: number, tell: (bytes: number) => void): Promise<void> {
  const file = await open(target, "r+");
  try {
    await file.truncate(offset);
    let position = offset;
    for await (const piece of answer.body ?? []) {
      await file.write(piece, 0, piece.length, position);
      position += piece.length;
      tell(piece.length);
    }
  } finally {
    await file.close();
  }
}
