import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { run } from "../system/process.ts";
import { connectQmp, type Qmp } from "../system/qmp.ts";
import { consoleTail } from "./console-log.ts";
import { execInMachine } from "./exec.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { runningMachine } from "./running.ts";
import { answersSsh } from "./ssh.ts";
import { closeConnection } from "./ssh-master.ts";
import { startMachine } from "./start.ts";
import { machineStatus } from "./status.ts";
import { stopMachine } from "./stop.ts";
import { type MachineStore, withMachineLock } from "./store.ts";

/** A state of a machine that it can be put back to. */
export interface MachineSnapshot {
  readonly name: string;
  readonly createdAt: string;
  /** Of a machine that ran: it goes on from there. */
  readonly hasMemory: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The snapshots in a machine's disks, the oldest first. */
export async function listSnapshots({
  directory,
  disks,
}: Pick<Machine, "directory" | "disks">): Promise<MachineSnapshot[]> {
  const { stdout } = await run(["qemu-img", "info", "-U", "--output=json", disks[0] ?? ""], { cwd: directory });
  type Listed = { "name": string; "date-sec": number; "vm-state-size": number };
  const { snapshots = [] } = JSON.parse(stdout) as { snapshots?: Listed[] };
  return snapshots.map((one) => ({
    name: one.name,
    createdAt: new Date(one["date-sec"] * 1000).toISOString(),
    hasMemory: one["vm-state-size"] > 0,
  }));
}

/**
 * Takes a snapshot: of the disks, and of the memory too when the machine runs; it stands still meanwhile.
 *
 * @throws snapshot-exists, disk-full
 */
export async function takeSnapshot(
  store: MachineStore,
  machine: Machine,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!NAME.test(name))
    throw new VmbuilderError("usage", `"${name.slice(0, 80)}" cannot be the name of a snapshot`, {
      hint: "use letters, digits, ., _ and -",
    });
  await withMachineLock(store, machine.name, signal, async () => {
    if ((await listSnapshots(machine)).some((one) => one.name === name))
      throw new VmbuilderError("snapshot-exists", `${machine.name} has a snapshot ${name} already`, {
        hint: "choose another name",
      });
    if ((await machineStatus(machine)).state === "running")
      await withQmp(machine, async (qmp) =>
        refuse(machine, `take the snapshot ${name}`, await qmp.human(`savevm ${name}`)),
      );
    else
      for (const disk of machine.disks)
        await run(["qemu-img", "snapshot", "-c", name, disk], { cwd: machine.directory });
  });
}

/**
 * Puts a machine back to a snapshot. One with memory runs afterwards, and its clock is set; one without is stopped.
 *
 * @throws snapshot-unknown, machine-failed
 */
export async function restoreSnapshot(
  store: MachineStore,
  machine: Machine,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const snapshot = (await listSnapshots(machine)).find((one) => one.name === name);
  if (!snapshot) throw await unknownSnapshot(machine, name);
  const { state } = await machineStatus(machine);
  if (!snapshot.hasMemory) {
    if (state === "running") await stopMachine(store, machine, { force: true, signal });
    await withMachineLock(store, machine.name, signal, async () => {
      for (const disk of machine.disks)
        await run(["qemu-img", "snapshot", "-a", name, disk], { cwd: machine.directory });
    });
    return;
  }
  if (state === "running")
    await withMachineLock(store, machine.name, signal, () =>
      withQmp(machine, async (qmp) => {
        await closeConnection(machine); // the restored machine doesn't know of it
        refuse(machine, `restore the snapshot ${name}`, await qmp.human(`loadvm ${name}`));
        await qmp.execute("cont").catch(() => {}); // it runs already
      }),
    );
  else await startMachine(store, machine, { signal, loadSnapshot: name });
  await setClock(store, machine, signal);
}

/** Removes a snapshot. @throws snapshot-unknown */
export async function removeSnapshot(store: MachineStore, machine: Machine, name: string): Promise<void> {
  await withMachineLock(store, machine.name, undefined, async () => {
    if (!(await listSnapshots(machine)).some((one) => one.name === name)) throw await unknownSnapshot(machine, name);
    if ((await machineStatus(machine)).state === "running")
      await withQmp(machine, async (qmp) =>
        refuse(machine, `remove the snapshot ${name}`, await qmp.human(`delvm ${name}`)),
      );
    else
      for (const disk of machine.disks)
        await run(["qemu-img", "snapshot", "-d", name, disk], { cwd: machine.directory });
  });
}

async function unknownSnapshot(machine: Machine, name: string): Promise<VmbuilderError> {
  const names = (await listSnapshots(machine)).map((one) => one.name);
  return new VmbuilderError("snapshot-unknown", `${machine.name} has no snapshot ${name}`, {
    hint: names.length > 0 ? `it has: ${names.join(", ")}` : `take one: vmbuilder snapshot ${machine.name} NAME`,
  });
}

async function withQmp(machine: Machine, work: (qmp: Qmp) => Promise<void>): Promise<void> {
  try {
    const qmp = await connectQmp(machine.directory, MACHINE_FILES.qmp);
    try {
      await work(qmp);
    } finally {
      qmp.close();
    }
  } catch (error) {
    await tellSilence(machine, error);
  }
}

/** Says of which machine it is that qemu is silent. */
async function tellSilence(machine: Machine, error: unknown): Promise<never> {
  if (!(error instanceof VmbuilderError) || error.code !== "machine-unreachable") throw error;
  const { name } = machine;
  if ((await machineStatus(machine)).state === "running")
    throw new VmbuilderError("machine-unreachable", `the qemu of ${name} does not answer`, {
      hint: `switch it off: vmbuilder stop --force ${name}`,
      cause: error,
    });
  throw new VmbuilderError("machine-failed", `${name} ended meanwhile`, {
    hint: `start it again: vmbuilder start ${name}`,
    detail: await consoleTail(machine),
    cause: error,
  });
}

/** The human monitor answers with nothing, unless something is wrong. */
function refuse({ name, directory }: Machine, what: string, answer: string): void {
  if (answer === "") return;
  const isFull = /No space left/i.test(answer);
  throw new VmbuilderError(
    isFull ? "disk-full" : "machine-failed",
    `qemu could not ${what} of ${name}: ${answer.split("\n")[0]}`,
    {
      ...(isFull ? { hint: `free some space where ${join(directory)} lies` } : {}),
    },
  );
}

/** The clock stood still meanwhile. A machine without ssh sets its own, or not. */
async function setClock(store: MachineStore, machine: Machine, signal: AbortSignal | undefined): Promise<void> {
  const command = ["date", "-s", `@${Math.ceil(Date.now() / 1000)}`];
  const running = await runningMachine(machine);
  const { sshPort } = running.run;
  if (sshPort === undefined || !(await answersSsh(sshPort))) return;
  await execInMachine(store, machine, running, command, { signal, timeoutMs: 30_000 }).catch((error: unknown) => {
    if (!(error instanceof VmbuilderError) || error.code !== "machine-unreachable") throw error;
  });
}
