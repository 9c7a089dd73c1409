import { machineStatus } from "../../machines/status.ts";
import { readMachine } from "../../machines/store.ts";
import type { ServerContext } from "../server-context.ts";
import { announceMachine, changeMachine, findServedMachine, servedMachineIds } from "../store/machines.ts";
import { diskBytesOf } from "./machine-actions.ts";

/** Sees what machines do by themselves: end, and grow. */
export interface MachineWatch {
  /** Tells watchers of machines whose state has changed. */
  look(): Promise<void>;
  /** Notes what machines take on the disk. */
  measure(): Promise<void>;
}

/** Watches the server's machines. */
export function watchMachines({ database, machines: { store } }: ServerContext): MachineWatch {
  const states = new Map<string, string>();
  return {
    async look() {
      const ids = servedMachineIds(database);
      for (const id of states.keys()) if (!ids.includes(id)) states.delete(id);
      for (const id of ids) {
        const machine = await readMachine(store, id).catch(() => undefined);
        if (!machine) continue;
        const { state } = await machineStatus(machine);
        const before = states.get(id);
        states.set(id, state);
        if (before !== undefined && before !== state && findServedMachine(database, id)) announceMachine(database, id);
      }
    },
    async measure() {
      for (const id of servedMachineIds(database)) {
        const machine = await readMachine(store, id).catch(() => undefined);
        const diskBytes = machine && (await diskBytesOf(machine));
        const known = findServedMachine(database, id);
        if (diskBytes !== undefined && known && known.diskBytes !== diskBytes)
          changeMachine(database, id, { diskBytes });
      }
    },
  };
}
