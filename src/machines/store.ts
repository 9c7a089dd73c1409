import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import { makeDirectory, removeTree, writeFileAtomically } from "../system/files.ts";
import { acquireLock } from "../system/lock.ts";
import { MACHINE_FILES, type Machine, type MachineRun, type MachineSpec, machineSchema, runSchema } from "./machine.ts";

/** Where machines live: a folder each, and the key that opens them all. */
export interface MachineStore {
  readonly directory: string;
  readonly machines: string;
}

/** `$XDG_STATE_HOME/vmbuilder`, or what `VMBUILDER_STATE_DIR` says. */
export function defaultStateDirectory(env: Record<string, string | undefined> = process.env): string {
  return env.VMBUILDER_STATE_DIR || join(env.XDG_STATE_HOME || join(homedir(), ".local/state"), "vmbuilder");
}

/** Opens the store, and makes its folders. @throws path-unusable, disk-full */
export async function openStore(directory = defaultStateDirectory()): Promise<MachineStore> {
  const store = { directory: resolve(directory), machines: join(resolve(directory), "machines") };
  await makeDirectory(store.directory, 0o700);
  await makeDirectory(store.machines, 0o700);
  return store;
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Refuses what cannot be a machine's name. @throws usage */
export function checkMachineName(name: string): void {
  if (NAME.test(name)) return;
  throw new VmbuilderError("usage", `"${name.slice(0, 80)}" cannot be the name of a machine`, {
    hint: "use lower-case letters, digits, - and .",
  });
}

/** Folder of a machine, whether it exists or not. */
export function machineDirectory(store: MachineStore, name: string): string {
  checkMachineName(name);
  return join(store.machines, name);
}

/** All machines, by name. One whose file is damaged is left out: {@link readMachine} says why. */
export async function listMachines(store: MachineStore): Promise<Machine[]> {
  const machines = await Promise.all(
    (await machineNames(store)).map((name) => readMachine(store, name).catch(() => undefined)),
  );
  return machines.filter((one) => one !== undefined);
}

/** The names of all machines. */
export async function machineNames({ machines }: MachineStore): Promise<string[]> {
  return (await readdir(machines)).filter((name) => NAME.test(name)).sort();
}

/** @throws machine-unknown, machine-invalid */
export async function readMachine(store: MachineStore, name: string): Promise<Machine> {
  const directory = machineDirectory(store, name);
  const text = await readFile(join(directory, MACHINE_FILES.spec), "utf8").catch(async (cause: unknown) => {
    const names = await machineNames(store);
    const near = nearestName(name, names);
    throw new VmbuilderError("machine-unknown", `there is no machine ${name}`, {
      hint: near
        ? `did you mean ${near}?`
        : names.length > 0
          ? "vmbuilder ls shows them"
          : "make one: vmbuilder up RECIPE",
      cause,
    });
  });
  const parsed = machineSchema.safeParse(parse(text));
  if (!parsed.success)
    throw new VmbuilderError("machine-invalid", `${join(directory, MACHINE_FILES.spec)} is damaged`, {
      hint: `remove the machine: vmbuilder rm ${name}`,
      cause: parsed.error,
    });
  return { ...parsed.data, name, directory };
}

/** The text of machine.json. */
export function formatSpec(spec: MachineSpec): string {
  return `${JSON.stringify(spec, null, 1)}\n`;
}

/** Changes what a machine is started with. */
export function writeSpec({ name: _, directory, ...spec }: Machine): Promise<void> {
  return writeFileAtomically(join(directory, MACHINE_FILES.spec), formatSpec(spec));
}

/** How a machine was started last, unless it was stopped since. */
export async function readRun({ directory }: Pick<Machine, "directory">): Promise<MachineRun | undefined> {
  const text = await readFile(join(directory, MACHINE_FILES.run), "utf8").catch(() => undefined);
  return text === undefined ? undefined : runSchema.safeParse(parse(text)).data;
}

/** Remembers how a machine was started. */
export function writeRun({ directory }: Pick<Machine, "directory">, run: MachineRun): Promise<void> {
  return writeFileAtomically(join(directory, MACHINE_FILES.run), `${JSON.stringify(run)}\n`, 0o600);
}

/**
 * Runs `work` while no other command changes this machine. A dead holder's lock is free at once. Waiting is not for long:
 * who waits for ssh holds no lock.
 */
export async function withMachineLock<T>(
  store: MachineStore,
  name: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const release = await acquireLock(machineDirectory(store, name), signal);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Removes a machine's folder, whatever state it is in; nobody may run in it. */
export function removeMachineFolder(store: MachineStore, name: string): Promise<void> {
  return removeTree(machineDirectory(store, name));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
