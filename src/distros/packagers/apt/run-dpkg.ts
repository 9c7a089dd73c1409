import { VmbuilderError } from "../../../model/errors.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { type GuestOptions, runInGuest } from "../../../system/guest.ts";
import { CommandError, type RunResult } from "../../../system/process.ts";

/**
 * Runs dpkg in the guest; when a package's script fails, the error names package, script and status.
 *
 * @throws script-failed, script-timeout
 */
export async function runDpkg(tree: string, args: readonly string[], options: GuestOptions): Promise<RunResult> {
  try {
    return await runInGuest(tree, ["dpkg", ...args], { timeoutMs: readDeadlines().scriptMs, ...options });
  } catch (error) {
    throw error instanceof CommandError ? scriptError(error) : error;
  }
}

function scriptError(error: CommandError): VmbuilderError {
  const text = `${error.stdout}\n${error.stderr}`;
  const failed = /dpkg: error processing (?:package|archive) (\S+) \(--\w+\):\n\s*(.*)/.exec(text);
  if (!failed) return error;
  const last = text.trimEnd().split("\n").slice(-50).join("\n");
  return new VmbuilderError("script-failed", `package ${failed[1]}: ${failed[2]}`, {
    hint: "the last lines of its output are above; --verbose shows all of it",
    detail: last,
    cause: error,
  });
}
