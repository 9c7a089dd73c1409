import { VmbuilderError } from "../../../model/errors.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { type GuestOptions, runInGuest } from "../../../system/guest.ts";
import { CommandError, lastLines, type RunResult } from "../../../system/process.ts";

/**
 * Runs dpkg in the guest; when a package's script fails, the error names package, script and status.
 *
 * @throws script-failed, script-timeout, disk-full
 */
export async function runDpkg(tree: string, args: readonly string[], options: DpkgOptions): Promise<RunResult> {
  try {
    return await runInGuest(tree, ["dpkg", ...args], { timeoutMs: readDeadlines().scriptMs, ...options });
  } catch (error) {
    if (error instanceof CommandError) throw scriptError(error, tree, options.archiveNames ?? new Map());
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

function scriptError(error: CommandError, tree: string, archiveNames: ReadonlyMap<string, string>): VmbuilderError {
  const text = `${error.stdout}\n${error.stderr}`;
  const failed = /dpkg: error processing (?:package|archive) (\S+) \(--\w+\):\n\s*(.*)/.exec(text);
  if (!failed) return error;
  const name = archiveNames.get(String(failed[1])) ?? failed[1];
  if (error.code === "disk-full") return scriptFoundDiskFull(error, tree, `package ${name}`, text);
  return new VmbuilderError("script-failed", `package ${name}: ${failed[2]}`, {
    hint: "the last lines of its output are above; --verbose shows all of it",
    detail: lastLines(text),
    cause: error,
  });
}

/** What stopped a script was not its own fault. */
export function scriptFoundDiskFull(error: CommandError, tree: string, what: string, text: string): VmbuilderError {
  return new VmbuilderError("disk-full", `no space left in ${tree} while ${what} was installed`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    detail: lastLines(text),
    cause: error,
  });
}
