import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { runStep } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { sha256File, writeFileAtomically } from "../system/files.ts";
import { putFile, remoteSize } from "../system/http-upload.ts";
import { goesInParts, putInParts, type UnfinishedUpload } from "../system/s3-parts.ts";
import type { S3Credentials } from "../system/s3-signature.ts";
import { sftpFile } from "../system/sftp-upload.ts";
import { listFiles, OWN_FILES } from "./sign.ts";

/** Keeps what has arrived where, so that it is not sent twice. Private, like all that begins with a dot. */
const RECORD = ".upload.json";

/** What goes where. */
export interface UploadRequest {
  readonly directory: string;
  readonly target: string;
  /** Of ssh, in the place of the user's. */
  readonly sshConfig: string | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** What an upload did. */
export interface Uploaded {
  readonly sent: readonly string[];
  /** Files that were there already. */
  readonly kept: readonly string[];
}

interface UploadRecord {
  /** By the folder's address and the file's name: the hash of what is there. */
  readonly arrived: Record<string, Record<string, string>>;
  /** By the file's address. */
  readonly unfinished: Record<string, UnfinishedUpload>;
}

interface Destination {
  readonly url: URL;
  readonly s3: S3Credentials | undefined;
}

/**
 * Uploads a folder's files, hashes and signature last, so that whoever sees those finds all the rest. What is private stays here.
 *
 * @throws usage, upload-failed
 */
export async function uploadFolder({ directory, target, sshConfig, signal, emit }: UploadRequest): Promise<Uploaded> {
  const folder = resolve(directory);
  const destination = readTarget(target);
  const visible = (await listFiles(folder)).filter((name) => !name.startsWith("."));
  const names = [
    ...visible.filter((name) => !OWN_FILES.includes(name)),
    ...visible.filter((name) => OWN_FILES.includes(name)),
  ];
  const files = await runStep({ emit, signal }, "check/hash", "Hash the files", () =>
    Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        return { name, path, sha256: await sha256File(path, signal), sizeBytes: (await stat(path)).size };
      }),
    ),
  );
  const where = `${destination.url.protocol}//${destination.url.host}${destination.url.pathname}`;
  const record = await readRecord(folder);
  const arrived = record.arrived[where] ?? {};
  record.arrived[where] = arrived;
  const writeRecord = () => writeFileAtomically(join(folder, RECORD), `${JSON.stringify(record)}\n`, 0o600);
  const [sent, kept]: [string[], string[]] = [[], []];
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let done = 0;
  await runStep({ emit, signal }, "deploy/upload", "Upload the files", async () => {
    for (const file of files) {
      const url = fileAddress(destination.url, file.name);
      const onBytes = (count: number) => {
        done += count;
        emit({
          type: "progress",
          step: "deploy/upload",
          done,
          total,
          unit: "bytes",
          item: file.name,
          atMs: Date.now(),
        });
      };
      const isThere =
        arrived[file.name] === file.sha256 && (await isStillThere(destination, url, file.sizeBytes, signal));
      if (isThere) kept.push(file.name);
      else if (url.protocol === "sftp:") await sftpFile({ ...file, url: destination.url, sshConfig, signal });
      else if (destination.s3 && goesInParts(file.sizeBytes)) {
        const unfinished = record.unfinished[url.href];
        const keep = async (begun: UnfinishedUpload) => {
          record.unfinished[url.href] = begun;
          await writeRecord();
        };
        await putInParts({ ...file, url, s3: destination.s3, signal, onBytes, unfinished, keep });
        delete record.unfinished[url.href];
      } else await putFile({ ...file, url, s3: destination.s3, signal, onBytes });
      if (isThere || url.protocol === "sftp:") onBytes(file.sizeBytes);
      if (isThere) continue;
      sent.push(file.name);
      arrived[file.name] = file.sha256;
      await writeRecord();
    }
  });
  return { sent, kept };
}

/** By its size: whether it was sent is in our own record. ssh's side is asked by sftp itself only when something is sent. */
async function isStillThere({ s3 }: Destination, url: URL, sizeBytes: number, signal: AbortSignal): Promise<boolean> {
  return url.protocol === "sftp:" || (await remoteSize({ url, s3, signal })) === sizeBytes;
}

function fileAddress(folder: URL, name: string): URL {
  const url = new URL(folder);
  url.pathname = `${folder.pathname.replace(/\/$/, "")}/${encodeURIComponent(name)}`;
  return url;
}

function readTarget(target: string): Destination {
  const wrong = (why: string, hint: string) =>
    new VmbuilderError("usage", `${target.replace(/\/\/[^/@]*@/, "//")}: ${why}`, { hint });
  if (!URL.canParse(target)) throw wrong("is no address", "give https://, sftp:// or s3://");
  const url = new URL(target);
  if (url.search !== "" || url.hash !== "") throw wrong("has a query", "give the address of a folder");
  if (url.protocol === "sftp:" && /^[A-Za-z0-9[][A-Za-z0-9_.:\]-]*$/.test(url.hostname)) return { url, s3: undefined };
  if (url.protocol === "http:" || url.protocol === "https:") return { url, s3: undefined };
  if (url.protocol !== "s3:") throw wrong("is an address of an unknown kind", "give https://, sftp:// or s3://");
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_ENDPOINT_URL: endpoint } = process.env;
  if (!accessKey || !secretKey || !endpoint)
    throw wrong(
      "needs credentials",
      "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL, the address of the service",
    );
  const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";
  const base = new URL(`${endpoint.replace(/\/$/, "")}/${url.hostname}${url.pathname}`);
  return { url: base, s3: { accessKey, secretKey, sessionToken: process.env.AWS_SESSION_TOKEN, region } };
}

async function readRecord(folder: string): Promise<UploadRecord> {
  try {
    const { arrived = {}, unfinished = {} } = JSON.parse(
      await readFile(join(folder, RECORD), "utf8"),
    ) as Partial<UploadRecord>;
    return { arrived, unfinished };
  } catch {
    return { arrived: {}, unfinished: {} }; // none yet, or damaged: then all is sent again
  }
}
