import { VmbuilderError } from "../../model/errors.ts";
import { type ExecOptions, type ExecResult, execInMachine } from "../exec.ts";
import type { Machine } from "../machine.ts";
import type { RunningMachine } from "../running.ts";
import type { MachineStore } from "../store.ts";

/** Why an upgrade cannot go on, in a line. */
export class UpgradeStopped extends Error {}

/** A running machine, and how commands are run in it as root. */
export interface Inside {
  readonly machine: Machine;
  readonly running: RunningMachine;
  /** Runs a command, whatever its status will be. @throws UpgradeStopped when the machine is lost */
  run(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** What a command that must end well says. @throws UpgradeStopped */
  ask(command: readonly string[], options?: ExecOptions): Promise<string>;
}

/** Opens a machine for commands. */
export function openInside(
  store: MachineStore,
  machine: Machine,
  running: RunningMachine,
  signal: AbortSignal,
): Inside {
  const run = async (command: readonly string[], options: ExecOptions = {}) => {
    try {
      return await execInMachine(store, machine, running, command, { signal, ...options });
    } catch (error) {
      if (signal.aborted || !(error instanceof VmbuilderError)) throw error;
      throw new UpgradeStopped(error.message.replace(machine.name, "the machine"));
    }
  };
  return {
    machine,
    running,
    run,
    async ask(command, options) {
      const { status, stdout, stderr } = await run(command, options);
      if (status !== 0)
        throw new UpgradeStopped(`${command[0]} failed in the machine: ${stderr.trim().split("\n").at(-1) || status}`);
      return stdout;
    },
  };
}
