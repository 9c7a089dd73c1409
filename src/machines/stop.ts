import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, killLasting, type LastingProcess, signalLasting } from "../system/lasting-process.ts";
import { connectQmp } from "../system/qmp.ts";
import { scaleDeadline } from "./accelerator.ts";
import { endInLibvirt, forgetInLibvirt, settleInLibvirt } from "./libvirt-machine.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { machineStatus } from "./status.ts";
import { listMachines, type MachineStore, readMachine, removeMachineFolder, withMachineLock } from "./store.ts";

const SHUTDOWN_DEADLINE_MS = 30_000;
/** A system that still boots doesn't see the power button: it is pressed again. */
const PRESS_AGAIN_MS = 3000;
const POLL_MS = 50;
const END_MS = 5000;

/** How to stop a machine. */
export interface StopOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pull the plug at once. */
  readonly force?: boolean | undefined;
  /** How long the system inside may take; default: half a minute with KVM, three without. */
  readonly timeoutMs?: number | undefined;
}

/** How a machine came to a stop. */
export type Stopped = "was stopped" | "shut down" | "killed";

/**
 * Stops a machine: presses its power button, and pulls the plug when it doesn't end in time. One that doesn't run is fine.
 */
export function stopMachine(store: MachineStore, machine: Machine, options: StopOptions = {}): Promise<Stopped> {
  return withMachineLock(store, machine.name, options.signal, () => end(machine, options));
}

/** Removes a machine and all that it holds; one that runs is switched off. That there is none is fine. */
export function removeMachine(store: MachineStore, machine: Pick<Machine, "name" | "directory">): Promise<void> {
  return withMachineLock(store, machine.name, undefined, async () => {
    const status = await machineStatus(machine).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    const known = await readMachine(store, machine.name).catch(() => undefined); // it may be damaged
    if (status?.state === "running") await kill(status.process, known);
    if (known?.libvirt !== undefined) await forgetInLibvirt(known);
    await removeMachineFolder(store, machine.name);
  });
}

/**
 * Removes the throwaway machines whose command was killed.
 *
 * @returns their names
 */
export async function removeOrphans(store: MachineStore, onlyLook = false): Promise<string[]> {
  const names: string[] = [];
  for (const machine of await listMachines(store)) {
    if (machine.owner === undefined || (await isAlive(machine.owner))) continue;
    if (!onlyLook) await removeMachine(store, machine);
    names.push(machine.name);
  }
  return names;
}

async function end(machine: Machine, { force, timeoutMs, signal }: StopOptions): Promise<Stopped> {
  const status = await machineStatus(machine);
  if (status.state === "stopped") {
    await forget(machine);
    return "was stopped";
  }
  const limitMs = timeoutMs ?? scaleDeadline(SHUTDOWN_DEADLINE_MS, status.run?.accelerator ?? "tcg");
  const wentWell = !force && (await pressButton(machine, status.process, limitMs, signal));
  if (!wentWell) await kill(status.process, machine);
  if (machine.libvirt !== undefined) await settleInLibvirt(machine);
  await forget(machine);
  return wentWell ? "shut down" : "killed";
}

async function pressButton(
  { directory }: Machine,
  process: LastingProcess,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const qmp = await connectQmp(directory, MACHINE_FILES.qmp, 5000).catch(() => undefined);
  if (!qmp) return false;
  try {
    const until = Date.now() + limitMs;
    let pressedAt = 0;
    while (await isAlive(process)) {
      signal?.throwIfAborted();
      if (Date.now() > until) return false;
      if (Date.now() > pressedAt + PRESS_AGAIN_MS) {
        pressedAt = Date.now();
        await qmp.execute("cont").catch(() => {}); // a paused machine sees nothing
        await qmp.execute("system_powerdown").catch(() => {}); // it may end just now
      }
      await delay(POLL_MS);
    }
    return true;
  } finally {
    qmp.close();
  }
}

/** qemu writes what it holds back when it is asked to end; a hanging one is killed. libvirt wants to do it itself. */
async function kill(process: LastingProcess, machine: Machine | undefined): Promise<void> {
  if (machine?.libvirt !== undefined) await endInLibvirt(machine);
  await signalLasting(process, "SIGTERM");
  for (const until = Date.now() + END_MS; Date.now() < until; await delay(POLL_MS / 2))
    if (!(await isAlive(process))) return;
  await killLasting(process);
}

async function forget({ directory }: Machine): Promise<void> {
  for (const name of ["run", "pid"] as const) await rm(join(directory, MACHINE_FILES[name]), { force: true });
}
