import { readFile } from "node:fs/promises";
import { ERROR_TABLE, type ErrorCode, VmbuilderError } from "../../model/errors.ts";

/** A server's API, asked as somebody. */
export interface ServerClient {
  /** The answer to a request that went well. @throws what the server says; server-unreachable */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Asks and reads JSON. */
  ask<Answer>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** Where a server is, and where the token lies. */
export interface ServerAddress {
  readonly url: string;
  readonly tokenFile?: string | undefined;
}

/**
 * Prepares to ask a server. Its address is that of its page.
 *
 * @throws usage, file-unreadable, login-required
 */
export async function openServer({ url, tokenFile }: ServerAddress, signal: AbortSignal): Promise<ServerClient> {
  const base = apiOf(url);
  const token = await readToken(tokenFile);
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` };
    // a redirect would take the token elsewhere
    const answer = await fetch(new URL(path, base), { signal, ...init, headers, redirect: "error" }).catch(
      (cause: unknown) => {
        signal.throwIfAborted();
        throw new VmbuilderError("server-unreachable", `${base.origin} does not answer`, {
          hint: "check the address and that vmbuilder serve runs there",
          cause,
        });
      },
    );
    if (answer.ok) return answer;
    throw await errorOf(answer, base);
  };
  return {
    fetch: send,
    async ask<Answer>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const json = body === undefined ? {} : { body: JSON.stringify(body) };
      const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      const answer = await send(path, { method, ...json, headers: { ...headers, ...type } });
      return (await answer.json()) as Answer;
    },
  };
}

function apiOf(url: string): URL {
  const page = URL.canParse(url) ? new URL(url) : undefined;
  if (!page || !/^https?:$/.test(page.protocol) || page.username || page.password)
    throw new VmbuilderError("usage", `--server: "${url.slice(0, 100)}" is no address of a server`, {
      hint: "such as https://vm.example.org/vmbuilder/",
    });
  const isLocal = /^(localhost|127\..*|\[::1\])$/.test(page.hostname);
  if (page.protocol === "http:" && !isLocal)
    process.stderr.write("warning: the token and the recipe cross the network unencrypted; use https\n");
  const path = page.pathname === "/" ? "/vmbuilder/" : page.pathname.replace(/\/?$/, "/");
  return new URL(`${path}api/`, page.origin);
}

async function readToken(file: string | undefined): Promise<string> {
  const text =
    file === undefined
      ? process.env.VMBUILDER_TOKEN
      : await readFile(file, "utf8").catch((cause: unknown) => {
          throw new VmbuilderError("file-unreadable", `--token-file: cannot read ${file}`, { cause });
        });
  const token = text?.trim() ?? "";
  if (/^[\x21-\x7e]{1,256}$/.test(token)) return token;
  throw new VmbuilderError("login-required", "no token for the server", {
    hint: "put what vmbuilder token create prints into VMBUILDER_TOKEN, or a file for --token-file",
  });
}

async function errorOf(answer: Response, base: URL): Promise<VmbuilderError> {
  const said = (await answer.json().catch(() => undefined)) as
    | { error?: { code: string; message: string; hint?: string } }
    | undefined;
  if (!said?.error)
    return new VmbuilderError("server-unreachable", `${base.href} is no API of vmbuilder: status ${answer.status}`, {
      hint: "give the address of its page, such as https://vm.example.org/vmbuilder/",
    });
  const { code, message, hint } = said.error;
  const known = code in ERROR_TABLE ? (code as ErrorCode) : "command-failed";
  return new VmbuilderError(known, message, hint === undefined ? {} : { hint });
}
