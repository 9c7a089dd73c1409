import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../../model/errors.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { type GuestOptions, runInGuest } from "../../../system/guest.ts";
import { CommandError, type RunResult } from "../../../system/process.ts";

/** Programs that stand in for the guest's own while packages are configured. */
export interface BuildStubs {
  /** Bind mounts: path in the guest to path on the host. */
  readonly binds: Readonly<Record<string, string>>;
}

/** The one stand-in that the tree has no file for; the empty mount point is removed at the end. */
export const POLICY_PATH = "/usr/sbin/policy-rc.d";
const SILENT = "#!/bin/sh\nexit 0\n";
/** Status 101: "action forbidden by policy". @see https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt */
const POLICY = "#!/bin/sh\nexit 101\n";

/**
 * What is replaced, and why. The mounts vanish with each run, so nothing has to be undone in the image.
 * - policy-rc.d, invoke-rc.d, start-stop-daemon: no service may start while building.
 * - update-initramfs: made once, at the end, not by every package that asks.
 * - ssh-keygen: host keys are made at first boot, or every copy would share them.
 */
const STUBS: Readonly<Record<string, string>> = {
  [POLICY_PATH]: POLICY,
  "/usr/sbin/invoke-rc.d": SILENT,
  "/usr/sbin/start-stop-daemon": SILENT,
  "/usr/sbin/update-initramfs": SILENT,
  "/usr/bin/ssh-keygen": SILENT,
};

/** Writes the stand-ins below `directory`; `paths` tells which of the replaced programs the tree has. */
export async function writeStubs(directory: string, paths: ReadonlySet<string>): Promise<BuildStubs> {
  await mkdir(directory, { recursive: true });
  const binds: Record<string, string> = {};
  for (const [path, content] of Object.entries(STUBS)) {
    if (path !== POLICY_PATH && !paths.has(path) && !paths.has(path.replace(/^\/usr/, ""))) continue;
    const file = join(directory, path.replaceAll("/", "_"));
    await writeFile(file, content, { mode: 0o755 });
    binds[path] = file;
  }
  return { binds };
}

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
