import { exchange, type HttpExchange, send } from "./http-exchange.ts";
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

/** The hash of no bytes. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/**
 * Puts a file by HTTP, in one request. Credentials in the address, or the token in VMBUILDER_UPLOAD_TOKEN, are sent along; they show in
 * no message.
 *
 * @throws upload-failed
 */
export async function putFile({ path, sizeBytes, sha256, url, s3, signal, onBytes }: HttpUpload): Promise<void> {
  const headers = () => ({ "content-type": "application/octet-stream", ...headersFor("PUT", { url, s3, sha256 }) });
  await exchange({ method: "PUT", url, headers, body: { path, start: 0, sizeBytes }, signal, onBytes });
}

/** Size of what is there already, if the server tells. */
export async function remoteSize({ url, s3, signal }: Pick<HttpUpload, "url" | "s3" | "signal">) {
  const headers = () => headersFor("HEAD", { url, s3, sha256: EMPTY_SHA256 });
  const answer = await send({ method: "HEAD", url, headers, signal }).catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
  const length = answer?.headers["content-length"];
  return answer?.status === 200 && length !== undefined ? Number(length) : undefined;
}

function headersFor(
  method: HttpExchange["method"],
  { url, s3, sha256 }: Pick<HttpUpload, "url" | "s3" | "sha256">,
): Record<string, string> {
  if (s3) return signS3Request({ method, url, sha256, at: new Date() }, s3);
  const token = process.env.VMBUILDER_UPLOAD_TOKEN;
  if (token) return { authorization: `Bearer ${token}` };
  if (url.username === "") return {};
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
}
