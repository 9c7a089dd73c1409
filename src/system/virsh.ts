import { CommandError, cleanEnvironment, run } from "./process.ts";

/** By these a user's own daemon is found, and ssh's agent for one elsewhere. */
const SESSION_VARIABLES = ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "SSH_AUTH_SOCK"] as const;

/** Runs a command of virsh. ssh cannot ask anything: there is no terminal for it. */
export function virsh(uri: string, args: readonly string[], signal: AbortSignal, input?: string) {
  const session = Object.fromEntries(
    SESSION_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  const options = { env: { ...cleanEnvironment(), ...session }, signal, ...(input === undefined ? {} : { input }) };
  return run(["virsh", "--quiet", "--connect", uri, ...args], options);
}

/** Whether a command of virsh ends well. */
export async function virshSucceeds(uri: string, args: readonly string[], signal: AbortSignal): Promise<boolean> {
  try {
    await virsh(uri, args, signal);
    return true;
  } catch (error) {
    if (signal.aborted || !(error instanceof CommandError)) throw error;
    return false;
  }
}

/** What virsh says went wrong. */
export function virshComplaint(error: CommandError): string {
  return (error.stderr.trim().split("\n").at(-1) ?? "").replace(/^error: /, "");
}
