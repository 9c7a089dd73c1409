import { session } from "../state/session.ts";
import type { Problem } from "./types.ts";

/** The API is beside the page, whatever path both are below. */
const API = new URL("api/", document.baseURI.replace(/#.*$/s, ""));

/** An error that the server explained, or that kept it from answering (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.message);
    this.status = status;
    this.problem = problem;
  }
}

/** The address of a resource of the API. */
export function apiUrl(path: string): string {
  return new URL(path, API).href;
}

/** GET; an answer other than JSON is text. @throws ApiError */
export function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return request("GET", path, undefined, signal);
}

/** Any other request, with the session's token against foreign sites. @throws ApiError */
export function send<Answer = void>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  options: { signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return request(method, path, body, options.signal, options.headers);
}

async function request<Answer>(
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
  more: Record<string, string> = {},
): Promise<Answer> {
  const headers: Record<string, string> = { ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const token = session.peek()?.csrfToken;
  if (token && method !== "GET") headers["X-CSRF-Token"] = token;
  let response: Response;
  try {
    response = await fetch(apiUrl(path), {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, { code: "unreachable", message: "The server does not answer", hint: "Is it still running?" });
  }
  if (!response.ok) throw await readError(response, path);
  if (response.status === 204) return undefined as Answer;
  const isJson = response.headers.get("Content-Type")?.includes("json");
  return (isJson ? await response.json() : await response.text()) as Answer;
}

async function readError(response: Response, path: string): Promise<ApiError> {
  const answer = (await response.json().catch(() => undefined)) as { error?: Problem } | undefined;
  const problem = answer?.error ?? { code: "unknown", message: `The server answered ${response.status}` };
  // The session has ended: the page asks for the password again. A login that fails says so itself.
  if (response.status === 401 && path !== "session" && path !== "invitation") session.value = null;
  return new ApiError(response.status, problem);
}
