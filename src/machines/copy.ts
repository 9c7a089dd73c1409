import { VmbuilderError } from "../model/errors.ts";
import { runAttached } from "../system/attached-process.ts";
import { useConnection } from "./exec.ts";
import type { Machine } from "./machine.ts";
import type { RunningMachine } from "./running.ts";
import { sshOptions } from "./ssh.ts";
import type { MachineStore } from "./store.ts";

/** One end of a copy: a path here, or in a machine. */
export interface CopyEnd {
  readonly machine?: string | undefined;
  readonly path: string;
}

/** Reads `MACHINE:PATH` or `PATH`; what has a slash before its colon is a path here. */
export function readCopyEnd(text: string): CopyEnd {
  const [, machine, path] = /^([a-z0-9][a-z0-9.-]*):(.*)$/s.exec(text) ?? [];
  return machine === undefined || path === undefined ? { path: text } : { machine, path: path === "" ? "." : path };
}

/**
 * Copies files and folders between here and a machine, with their modes and times.
 *
 * @returns scp's exit status, which is not 0 when something could not be copied
 */
export async function copyFiles(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  from: readonly CopyEnd[],
  to: CopyEnd,
): Promise<number> {
  // scp takes a name with a colon for a host, unless a slash comes first
  const local = (path: string) =>
    path.startsWith("/") || path.startsWith("./") || path.startsWith("../") ? path : `./${path}`;
  const end = ({ machine: name, path }: CopyEnd) => (name === undefined ? local(path) : `root@127.0.0.1:${path}`);
  const { sshPort } = running.run;
  if (sshPort === undefined)
    throw new VmbuilderError("machine-unreachable", `no port of this host leads to ${machine.name}`);
  const shared = await useConnection(store, machine, running, {});
  const options = [...shared, ...sshOptions(store, machine)];
  const argv = ["scp", "-r", "-p", "-q", ...options, "-P", String(sshPort), ...from.map(end), end(to)];
  return (await runAttached(argv)).status;
}
