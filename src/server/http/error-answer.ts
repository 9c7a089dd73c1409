import * as z from "zod";
import { ERROR_TABLE, VmbuilderError } from "../../model/errors.ts";
import { problemOf } from "../recipes/check-recipe.ts";
import { TooMany } from "./rate-limit.ts";

/** The one shape of errors. */
export const errorSchema = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      path: z.array(z.string()).optional(),
      line: z.int().optional(),
      column: z.int().optional(),
    }),
  })
  .meta({ id: "Error" });

/** Says what went wrong. What nobody foresaw is written to the server's own log, not to the caller. */
export function answerError(thrown: unknown): Response {
  if (!(thrown instanceof VmbuilderError)) {
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    return json(500, {
      error: { code: "internal", message: "something went wrong in the server", hint: "its log says more" },
    });
  }
  const { httpStatus } = ERROR_TABLE[thrown.code];
  if (httpStatus >= 500) process.stderr.write(`${thrown.code}: ${thrown.message}\n`);
  const headers: Record<string, string> = {};
  if (thrown instanceof TooMany) headers["retry-after"] = String(thrown.retryAfterSeconds);
  if (httpStatus === 401) headers["www-authenticate"] = "Bearer";
  return json(httpStatus, { error: problemOf(thrown) }, headers);
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}
