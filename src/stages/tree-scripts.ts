import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, epochEnvironment, logLine } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { MachineScript } from "../model/identity.ts";
import { readDeadlines } from "../system/deadlines.ts";
import { runInGuest } from "../system/guest.ts";
import { CommandError } from "../system/process.ts";

/** Where a script stands while it runs. */
const PLACE = "/run/vmbuilder-script";

/** Where a guest's resolver looks by way of systemd-resolved, which doesn't run there. */
const RESOLVER = "/run/systemd/resolve/stub-resolv.conf";
/** What it is named by may not be there yet: the last touches to a tree make it. */
const RUN_ONLINE = `[ -e /etc/resolv.conf ] || ln -sf "..$1" /etc/resolv.conf; shift; exec "$@"`;

/** The host's network, for scripts that ask for it. */
export interface ScriptNetwork {
  readonly proxy: string | undefined;
}

/**
 * Runs scripts in a tree, one after another: as root there, without starting daemons, and without network unless they get the
 * host's. Each gets the root folder as its first argument, as the old tool's scripts did.
 *
 * @throws script-failed, script-timeout
 */
export async function runScripts(
  tree: string,
  scripts: readonly MachineScript[],
  network: ScriptNetwork | undefined,
  context: BuildContext,
): Promise<void> {
  const folder = await mkdtemp(join(context.workDirectory, "scripts-"));
  for (const [index, { name, content }] of scripts.entries()) {
    const path = join(folder, String(index));
    await writeFile(path, content, { mode: 0o755 });
    const argv = [PLACE, "/"];
    await runInGuest(tree, network ? ["sh", "-c", RUN_ONLINE, "sh", RESOLVER, ...argv] : argv, {
      signal: context.signal,
      binds: { [PLACE]: path, ...(network ? { [RESOLVER]: "/etc/resolv.conf" } : {}) },
      guestEnv: { ...epochEnvironment(context), ...(network ? proxyVariables(network.proxy) : {}) },
      ...(network ? { online: true } : {}),
      timeoutMs: readDeadlines().scriptMs,
      onLine: (line) => logLine(context, "install/scripts", "debug", `${name}: ${line}`),
    }).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      const detail = `${error.stdout}\n${error.stderr}`.trim();
      throw new VmbuilderError("script-failed", `the script ${name} ended with status ${error.status}`, {
        hint: network
          ? "it runs as root in the new system"
          : "it runs as root in the new system, without network unless --exec-network gives it the host's",
        ...(detail ? { detail } : {}),
        cause: error,
      });
    });
  }
}

/** The recipe's proxy, else the one that the host's programs use. */
function proxyVariables(proxy: string | undefined): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"];
  if (proxy !== undefined) return { http_proxy: proxy, https_proxy: proxy };
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
