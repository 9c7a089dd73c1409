import { removeOrphans } from "../../machines/stop.ts";
import type { MachineStore } from "../../machines/store.ts";
import { openStore, readMachine } from "../../machines/store.ts";
import type { DataFolder } from "../store/data-folder.ts";
import type { Database } from "../store/database.ts";
import { changeMachine, findServedMachine, servedMachineIds } from "../store/machines.ts";
import { createMachineTasks, type MachineTasks } from "./machine-tasks.ts";

/** Where the server's machines live. Each runs by itself: what becomes of the server doesn't reach it. */
export interface MachineHost {
  readonly store: MachineStore;
  readonly tasks: MachineTasks;
  /** Whether machines reach what this host does. */
  readonly network: "open" | "isolated";
}

/** Opens the machines' store, and clears up what a server that was killed has left half done. */
export async function openMachineHost(
  database: Database,
  folder: DataFolder,
  network: MachineHost["network"],
): Promise<MachineHost> {
  const store = await openStore(folder.machines);
  await removeOrphans(store); // of tests
  for (const id of servedMachineIds(database)) {
    if (findServedMachine(database, id)?.isMade) continue;
    const isThere = await readMachine(store, id).catch(() => undefined);
    const message = "the server was stopped while this machine was made";
    const error = { code: "interrupted", message, hint: "remove it, and make it again", detail: null };
    changeMachine(database, id, isThere ? { isMade: true } : { error });
  }
  return { store, tasks: createMachineTasks(database), network };
}
