import { VmbuilderError } from "../model/errors.ts";
import type { LastingProcess } from "../system/lasting-process.ts";
import { connectQmp } from "../system/qmp.ts";
import { chooseAccelerator } from "./accelerator.ts";
import { MACHINE_FILES, type Machine, type MachineRun } from "./machine.ts";
import { forwardPorts } from "./port-forwards.ts";
import { hostBoot, machineStatus } from "./status.ts";
import { writeRun } from "./store.ts";

/** A machine that runs, and how. */
export interface RunningMachine {
  readonly process: LastingProcess;
  readonly run: MachineRun;
}

/**
 * Finds how a running machine is reached. What a start that was killed half-way didn't write down is asked of qemu.
 *
 * @throws machine-stopped
 */
export async function runningMachine(machine: Machine): Promise<RunningMachine> {
  const status = await machineStatus(machine);
  if (status.state === "stopped")
    throw new VmbuilderError("machine-stopped", `${machine.name} does not run`, {
      hint: `start it: vmbuilder start ${machine.name}`,
    });
  const { process, run } = status;
  const isKnown = run?.sshPort !== undefined || !machine.cards.some(({ isUser }) => isUser);
  if (run && isKnown) return { process, run };
  const qmp = await connectQmp(machine.directory, MACHINE_FILES.qmp);
  try {
    const accelerator = await chooseAccelerator(machine.architecture);
    const begun = { startedAt: new Date().toISOString(), accelerator, hostBoot: await hostBoot() };
    const found = {
      ...begun,
      ...run,
      ...process,
      ...(await forwardPorts({ ...machine, forwards: [] }, qmp, undefined)),
    };
    await writeRun(machine, found);
    return { process, run: found };
  } finally {
    qmp.close();
  }
}
