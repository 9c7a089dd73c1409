import { stat } from "node:fs/promises";
import { join } from "node:path";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { machineStatus } from "./status.ts";

/** What `ls` tells of a machine. */
export interface MachineSummary {
  readonly name: string;
  readonly state: "running" | "stopped";
  /** How one that nobody stopped came to its end. */
  readonly ended?: string | undefined;
  readonly hostname: string;
  readonly origin: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** What its own images take; the base that they stand on is shared. */
  readonly diskBytes: number;
  readonly createdAt: string;
  readonly startedAt?: string | undefined;
  readonly accelerator?: string | undefined;
  readonly pid?: number | undefined;
  readonly sshPort?: number | undefined;
  readonly forwards: readonly { host: number; guest: number }[];
}

/** Looks at a machine as `ls` does: quickly, and without disturbing it. */
export async function describeState(machine: Machine): Promise<MachineSummary> {
  const { name, hostname, origin, memoryMb, cpus, createdAt, directory } = machine;
  const [status, ...sizes] = await Promise.all([
    machineStatus(machine),
    ...machine.disks.map((disk) =>
      stat(join(directory, disk)).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      ),
    ),
  ]);
  const run = status.state === "running" ? status.run : undefined;
  return {
    name,
    state: status.state,
    ...(status.state === "stopped" && status.ended ? { ended: status.ended } : {}),
    ...{ hostname, origin, memoryMb, cpus, createdAt },
    diskBytes: sizes.reduce((sum, size) => sum + size, 0),
    ...(status.state === "running" ? { pid: status.process.pid } : {}),
    ...(run ? { startedAt: run.startedAt, accelerator: run.accelerator, sshPort: run.sshPort } : {}),
    forwards: run?.forwards ?? [],
  };
}

/** All that is known of a machine. */
export async function describeMachineFully(machine: Machine) {
  const { architecture, firmware, uuid, directory } = machine;
  return {
    ...(await describeState(machine)),
    ...{ architecture, firmware, uuid, directory },
    ...(machine.libvirt === undefined ? {} : { libvirt: machine.libvirt }),
    disks: machine.disks.map((disk) => join(directory, disk)),
    macs: machine.cards.flatMap(({ mac }) => mac ?? []),
    console: join(directory, MACHINE_FILES.consoleLog),
  };
}
