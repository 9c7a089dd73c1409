import type { Machine } from "../../../machines/machine.ts";
import type { MachineStore } from "../../../machines/store.ts";
import { VmbuilderError } from "../../../model/errors.ts";

/** Opens the store and reads a machine of it. @throws machine-unknown, machine-invalid */
export async function findMachine(name: string): Promise<{ store: MachineStore; machine: Machine }> {
  const { openStore, readMachine } = await import("../../../machines/store.ts");
  const store = await openStore();
  return { store, machine: await readMachine(store, name) };
}

/** Reads a number of seconds. @throws usage */
export function readSeconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && seconds <= 7 * 24 * 3600) return Math.ceil(seconds * 1000);
  throw new VmbuilderError("usage", `${option}: "${text}" is no number of seconds`, { hint: `write ${option} 120` });
}

/** A command whose program's own exit status is ours. */
export function endWith(status: number): void {
  process.exitCode = status;
}
