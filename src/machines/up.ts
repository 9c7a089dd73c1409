import { runStep } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import { type CreateRequest, createMachine } from "./create.ts";
import type { Machine } from "./machine.ts";
import { type RunningMachine, runningMachine } from "./running.ts";
import { waitForSsh } from "./ssh.ts";
import { startMachine } from "./start.ts";
import { machineStatus } from "./status.ts";
import { type MachineStore, readMachine } from "./store.ts";

/** What to have up, and how long to wait for it. */
export interface UpRequest extends CreateRequest {
  /** False returns as soon as it was started. */
  readonly wait: boolean;
  readonly timeoutMs?: number | undefined;
}

/** A machine that is up. */
export interface UpMachine {
  readonly machine: Machine;
  readonly running: RunningMachine;
}

/**
 * Has a machine up: makes it when there is none of its name, starts it when it doesn't run, waits until ssh answers.
 *
 * @throws machine-exists when the one of this name was made from something else; what making, starting and waiting throw
 */
export async function upMachine(store: MachineStore, request: UpRequest): Promise<UpMachine> {
  const name = request.name ?? request.recipe.hostname;
  const existing = await readMachine(store, name).catch((error: unknown) => {
    if (error instanceof VmbuilderError && error.code === "machine-unknown") return undefined;
    throw error;
  });
  if (existing && existing.origin !== request.origin)
    throw new VmbuilderError("machine-exists", `the machine ${name} was made from ${existing.origin}`, {
      hint: `choose another --machine, or start it as it is: vmbuilder start ${name}`,
    });
  const machine = existing ?? (await createMachine(store, request));
  return { machine, running: await startAndWait(store, machine, request) };
}

/** Starts a machine unless it runs, and waits until ssh answers. */
export async function startAndWait(
  store: MachineStore,
  machine: Machine,
  { wait, timeoutMs, signal, emit }: Pick<UpRequest, "wait" | "timeoutMs" | "signal" | "emit">,
): Promise<RunningMachine> {
  if ((await machineStatus(machine)).state === "stopped")
    await runStep({ emit, signal }, "deploy/start", "Start the machine", () =>
      startMachine(store, machine, { signal }),
    );
  const running = await runningMachine(machine);
  if (wait && running.run.sshPort !== undefined)
    await runStep({ emit, signal }, "deploy/boot", "Wait until it answers", () =>
      waitForSsh(machine, running, { signal, timeoutMs }),
    );
  return running;
}
