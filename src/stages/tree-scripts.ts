import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, logLine } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { MachineScript } from "../model/identity.ts";
import { readDeadlines } from "../system/deadlines.ts";
import { runInGuest } from "../system/guest.ts";
import { CommandError } from "../system/process.ts";

/** Where a script stands while it runs. */
const PLACE = "/run/vmbuilder-script";

/**
 * Runs scripts in a tree, one after another: as root there, without network, without starting daemons. Each gets the root
 * folder as its first argument, as the old tool's scripts did.
 *
 * @throws script-failed, script-timeout
 */
export async function runScripts(
  tree: string,
  scripts: readonly MachineScript[],
  context: BuildContext,
): Promise<void> {
  const folder = join(context.workDirectory, "scripts");
  await mkdir(folder);
  for (const [index, { name, content }] of scripts.entries()) {
    const path = join(folder, String(index));
    await writeFile(path, content, { mode: 0o755 });
    await runInGuest(tree, [PLACE, "/"], {
      signal: context.signal,
      binds: { [PLACE]: path },
      timeoutMs: readDeadlines().scriptMs,
      onLine: (line) => logLine(context, "install/scripts", "debug", `${name}: ${line}`),
    }).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      const detail = `${error.stdout}\n${error.stderr}`.trim();
      throw new VmbuilderError("script-failed", `the script ${name} ended with status ${error.status}`, {
        hint: "it runs as root in the new system, without network",
        ...(detail ? { detail } : {}),
        cause: error,
      });
    });
  }
}
