import { rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { killLasting } from "../system/lasting-process.ts";
import { connectQmp, type Qmp } from "../system/qmp.ts";
import { chooseAccelerator } from "./accelerator.ts";
import { launchQemu } from "./launch.ts";
import { MACHINE_FILES, type Machine, type MachineRun } from "./machine.ts";
import { forwardPorts } from "./port-forwards.ts";
import { prepareRestore } from "./restore.ts";
import { hostBoot, machineStatus } from "./status.ts";
import { type MachineStore, readRun, withMachineLock, writeRun } from "./store.ts";

/** How to start, beside what the machine itself says. */
export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  /** A snapshot with memory, in the machine's own disks, to go on from. */
  readonly loadSnapshot?: string | undefined;
}

/**
 * Starts a machine's qemu, which then runs by itself, whatever becomes of us. It returns when ports lead into the machine; that
 * it has booted is another matter: see `waitForSsh`.
 *
 * @throws machine-running, port-taken, machine-failed with qemu's words, command-missing, base-missing
 */
export function startMachine(store: MachineStore, machine: Machine, options: StartOptions = {}): Promise<MachineRun> {
  return withMachineLock(store, machine.name, options.signal, async () => {
    const status = await machineStatus(machine);
    if (status.state === "running")
      throw new VmbuilderError("machine-running", `${machine.name} runs already`, {
        hint: `vmbuilder ssh ${machine.name} enters it`,
      });
    return begin(machine, options);
  });
}

async function begin(machine: Machine, { loadSnapshot, signal }: StartOptions): Promise<MachineRun> {
  const { directory } = machine;
  signal?.throwIfAborted();
  const restore = await prepareRestore(machine);
  const accelerator = restore?.accelerator ?? (await chooseAccelerator(machine.architecture));
  const before = await readRun(machine);
  const qemu = await launchQemu(machine, {
    accelerator,
    loadSnapshot,
    memoryFile: restore && { path: restore.memoryFile, isShared: false },
    isIncoming: restore !== undefined,
  });
  try {
    const run: MachineRun = {
      ...{ pid: qemu.pid, start: qemu.start, hostBoot: await hostBoot() },
      ...{ startedAt: new Date().toISOString(), accelerator, forwards: [] },
    };
    await writeRun(machine, run);
    const { failed } = qemu;
    const qmp = await Promise.race([connectQmp(directory, MACHINE_FILES.qmp), failed]);
    try {
      await Promise.race([restore?.load(qmp), failed]);
      if (machine.libvirt !== undefined && loadSnapshot !== undefined) await goOnFrom(loadSnapshot, machine, qmp);
      const ready = { ...run, ...(await forwardPorts(machine, qmp, before?.sshPort)) };
      await writeRun(machine, ready);
      await restore?.finish();
      return ready;
    } finally {
      qmp.close();
    }
  } catch (error) {
    await killLasting(qemu);
    await rm(file(machine, "run"), { force: true });
    throw error;
  }
}

/** Puts a machine that libvirt has started, and that stands still, to a snapshot. */
async function goOnFrom(snapshot: string, { name }: Machine, qmp: Qmp): Promise<void> {
  const answer = await qmp.human(`loadvm ${snapshot}`);
  if (answer !== "")
    throw new VmbuilderError("machine-failed", `qemu could not restore the snapshot ${snapshot} of ${name}: ${answer}`);
  await qmp.execute("cont");
}

function file(machine: Machine, which: keyof typeof MACHINE_FILES): string {
  return join(machine.directory, MACHINE_FILES[which]);
}
