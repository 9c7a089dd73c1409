import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createFromImage } from "../../machines/image-machine.ts";
import type { Forward, Machine } from "../../machines/machine.ts";
import { removeSnapshot, restoreSnapshot, takeSnapshot } from "../../machines/snapshots.ts";
import { startMachine } from "../../machines/start.ts";
import { removeMachine, stopMachine } from "../../machines/stop.ts";
import { machineDirectory, readMachine, withMachineLock, writeSpec } from "../../machines/store.ts";
import { testThrowaway } from "../../machines/test-run.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { recipeSchema } from "../../model/recipe.ts";
import { readMachineRecord } from "../../stages/record.ts";
import { availableMemory } from "../jobs/capacity.ts";
import type { ServerContext } from "../server-context.ts";
import type { Image } from "../store/images.ts";
import { changeMachine, forgetMachine, type ServedMachine } from "../store/machines.ts";

/** Beside its memory, what a machine's qemu takes, and what the host shall keep. */
const RESERVE_BYTES = 512 * 1024 ** 2;
const MIB = 1024 ** 2;
const LOCK_MS = 5000;

/** How a machine differs from what its image's recipe says. */
export interface MachineSize {
  readonly hostname?: string | undefined;
  readonly memoryMb?: number | undefined;
  readonly cpus?: number | undefined;
  /** Ports that the host leads to. */
  readonly ports: readonly number[];
}

/** Makes a machine from an image, and starts it if that is wanted. */
export function createServed(
  { id, name }: ServedMachine,
  image: Image,
  { ports, ...size }: MachineSize,
  isStarted: boolean,
  server: ServerContext,
): void {
  const { database, folder, settings } = server;
  const { store, tasks, network } = server.machines;
  tasks.begin(id, "create", async (signal) => {
    const forwards = ports.map(toAnyPort);
    const request = {
      ...size,
      forwards,
      name: id,
      source: folder.image(image.id),
      origin: `image ${image.name}`,
      network,
    };
    const machine = await createFromImage(store, {
      ...{ ...request, cacheDirectory: settings.cacheDirectory, signal },
      emit: () => {},
    });
    changeMachine(database, id, { isMade: true, diskBytes: await diskBytesOf(machine) });
    if (isStarted) await start(machine, name, signal, server);
  });
}

/** Says which ports of a machine the host leads to from its next start on. @throws conflict */
export async function openPorts(served: ServedMachine, ports: readonly number[], server: ServerContext): Promise<void> {
  const machine = await madeMachine(served, server);
  await withMachineLock(server.machines.store, machine.name, AbortSignal.timeout(LOCK_MS), async () => {
    const now = await readMachine(server.machines.store, machine.name);
    await writeSpec({ ...now, forwards: ports.map(toAnyPort) });
  });
}

/** The host's port is for the host to choose: whoever could name one could keep others from theirs. */
function toAnyPort(guest: number): Forward {
  return { host: 0, guest };
}

/** Starts a machine. */
export function startServed({ id, name }: ServedMachine, machine: Machine, server: ServerContext): void {
  server.machines.tasks.begin(id, "start", (signal) => start(machine, name, signal, server));
}

/** Stops a machine, or switches it off; a switch ends a stop that is under way. */
export async function stopServed(
  { id }: ServedMachine,
  machine: Machine,
  force: boolean,
  { machines: { store, tasks } }: ServerContext,
): Promise<void> {
  if (force && (tasks.busy(id) === "stop" || tasks.busy(id) === "restart")) await tasks.cancel(id);
  tasks.begin(id, "stop", async (signal) => void (await stopMachine(store, machine, { force, signal })));
}

/** Stops a machine and starts it again. */
export function restartServed(
  { id, name }: ServedMachine,
  machine: Machine,
  force: boolean,
  server: ServerContext,
): void {
  const { store, tasks } = server.machines;
  tasks.begin(id, "restart", async (signal) => {
    await stopMachine(store, machine, { force, signal });
    await start(machine, name, signal, server);
  });
}

/** Takes a snapshot, puts the machine back to one, or removes one. */
export function snapshotServed(
  { id }: ServedMachine,
  machine: Machine,
  action: "snapshot" | "restore" | "remove",
  name: string,
  { machines: { store, tasks } }: ServerContext,
): void {
  const work = { snapshot: takeSnapshot, restore: restoreSnapshot, remove: removeSnapshot }[action];
  tasks.begin(id, action, (signal) => work(store, machine, name, signal));
}

/** Runs the tests of a machine's recipe in a throwaway one, made from the same base. */
export function testServed(
  { id, name, facts }: ServedMachine,
  machine: Machine,
  { database, settings, machines: { store, tasks, network } }: ServerContext,
): void {
  const { cacheDirectory } = settings;
  tasks.begin(id, "test", async (signal) => {
    await checkMemory(facts.memoryMb, name);
    const { build } = await readMachineRecord(machine.directory);
    const common = { cacheDirectory, signal, emit: () => {}, origin: machine.origin };
    const testRun = await testThrowaway(store, {
      ...{ ...common, label: name, hostname: machine.hostname, keep: false },
      tests: recipeSchema.shape.tests.parse(build.recipe.tests),
      make: (test, owner) =>
        createFromImage(store, { ...common, name: test, source: machine.directory, owner, network }),
    });
    changeMachine(database, id, { testRun });
  });
}

/** Removes a machine, whatever is under way with it. */
export async function removeServed({ id }: ServedMachine, server: ServerContext): Promise<void> {
  const { store, tasks } = server.machines;
  await tasks.cancel(id);
  await removeMachine(store, { name: id, directory: machineDirectory(store, id) });
  forgetMachine(server.database, id);
}

/** The machine as it lies in the store. @throws conflict while it is made, or when that failed */
export function madeMachine({ id, isMade, error }: ServedMachine, { machines }: ServerContext): Promise<Machine> {
  if (isMade) return readMachine(machines.store, id);
  throw new VmbuilderError("conflict", error ? "this machine could not be made" : "this machine is being made", {
    hint: error ? "remove it, and make it again" : "wait a moment",
  });
}

/** What a machine's own images take. */
export async function diskBytesOf({ directory, disks }: Machine): Promise<number> {
  const sizes = await Promise.all(disks.map((disk) => stat(join(directory, disk)).catch(() => undefined)));
  return sizes.reduce((sum, info) => sum + (info?.blocks ?? 0) * 512, 0);
}

async function start(machine: Machine, name: string, signal: AbortSignal, server: ServerContext): Promise<void> {
  await checkMemory(machine.memoryMb, name);
  await startMachine(server.machines.store, machine, { signal });
}

/** A host without memory kills something, and that may be another's machine. @throws memory-short */
async function checkMemory(memoryMb: number, name: string): Promise<void> {
  const free = await availableMemory();
  if (free >= memoryMb * MIB + RESERVE_BYTES) return;
  throw new VmbuilderError(
    "memory-short",
    `${name} needs ${memoryMb} MiB of memory, and ${Math.floor(free / MIB)} MiB are free`,
    { hint: "stop another machine, or wait for a build to end" },
  );
}
