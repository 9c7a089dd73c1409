import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { Readable } from "node:stream";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
const ENCODINGS = { br: ".br", gzip: ".gz" } as const;

/**
 * Gives a file of the page. Names come from the network: what is no plain path below the folder isn't there.
 *
 * @param path below the base path, decoded; empty for the page itself
 * @returns nothing when there is no such file
 */
export async function sendStatic(root: string, path: string, request: Request): Promise<Response | undefined> {
  const name = path === "" ? "index.html" : path;
  if (!/^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name)) return undefined;
  const type = TYPES[extname(name)];
  const accepted = request.headers.get("accept-encoding") ?? "";
  for (const [encoding, ending] of [...Object.entries(ENCODINGS), ["", ""] as const]) {
    if (type === undefined || !accepted.includes(encoding)) continue;
    const file = join(root, `${name}${ending}`);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile() || !(await isBelow(file, root))) continue;
    const etag = `"${info.mtimeMs.toString(36)}-${info.size.toString(36)}"`;
    const headers = new Headers({
      "cache-control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      "content-type": type,
      etag,
      "vary": "accept-encoding",
      ...(encoding === "" ? {} : { "content-encoding": encoding }),
    });
    if (request.headers.get("if-none-match")?.includes(etag)) return new Response(null, { status: 304, headers });
    headers.set("content-length", String(info.size));
    if (request.method === "HEAD") return new Response(null, { headers });
    return new Response(Readable.toWeb(createReadStream(file)) as ReadableStream, { headers });
  }
  return undefined;
}

async function isBelow(file: string, root: string): Promise<boolean> {
  const [real, top] = await Promise.all([realpath(file), realpath(root)]);
  return real.startsWith(`${top}${sep}`);
}
