import { VmbuilderError } from "../../../model/errors.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { type GuestOptions, runInGuest } from "../../../system/guest.ts";
import { CommandError, lastLines, type RunResult } from "../../../system/process.ts";

/**
 * Runs dpkg in the guest; when a package's script fails, the error names package, script and status.
 *
 * @throws script-failed, script-timeout
 */
export async function runDpkg(tree: string, args: readonly string[], options: DpkgOptions): Promise<RunResult> {
  try {
    return await runInGuest(tree, ["dpkg", ...args], { timeoutMs: readDeadlines().scriptMs, ...options });
  } catch (error) {
    if (error instanceof CommandError) throw scriptError(error, options.archiveNames ?? new Map());
    throw error instanceof VmbuilderError && error.code === "script-timeout" ? nameHanging(error) : error;
  }
}

/** What dpkg gets beside what every program in a guest gets. */
export interface DpkgOptions extends GuestOptions {
  /** Package by the path under which dpkg finds its archive, for messages. */
  archiveNames?: ReadonlyMap<string, string>;
}

/** Adds the package whose script was the last to begin. */
export function nameHanging(error: VmbuilderError): VmbuilderError {
  const name = [...(error.detail ?? "").matchAll(/^(?:Setting up|Preparing) (\S+)/gm)].at(-1)?.[1];
  if (name === undefined) return error;
  return new VmbuilderError("script-timeout", error.message.replace(/^\S+/, `package ${name}: its script`), {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    cause: error,
  });
}

function scriptError(error: CommandError, archiveNames: ReadonlyMap<string, string>): VmbuilderError {
  const text = `${error.stdout}\n${error.stderr}`;
  const failed = /dpkg: error processing (?:package|archive) (\S+) \(--\w+\):\n\s*(.*)/.exec(text);
  if (!failed) return error;
  const what = String(failed[1]);
  return new VmbuilderError("script-failed", `package ${archiveNames.get(what) ?? what}: ${failed[2]}`, {
    hint: "the last lines of its output are above; --verbose shows all of it",
    detail: lastLines(text),
    cause: error,
  });
}
