import { send } from "../api/client.ts";
import type { Machine } from "../api/types.ts";
import { forgetMachine, takeMachine } from "../state/live.ts";
import { notify } from "../state/notices.ts";

/** Address of a machine, or of something of it, in the API. */
export function machinePath({ id }: Pick<Machine, "id">, below = ""): string {
  return `machines/${encodeURIComponent(id)}${below}`;
}

/** Begins something with a machine; what comes of it, events tell. */
export async function act(machine: Machine, action: string, body?: unknown): Promise<void> {
  takeMachine(await send<Machine>("POST", machinePath(machine, `/${action}`), body));
}

/** Lets everybody on this server see a machine, or not. */
export async function shareMachine(machine: Machine, isShared: boolean): Promise<void> {
  takeMachine(await send<Machine>("PATCH", machinePath(machine), { isShared }));
}

/** Removes a machine for good. */
export async function removeMachine(machine: Machine): Promise<void> {
  await send("DELETE", machinePath(machine));
  forgetMachine(machine.id);
  notify(`${machine.name} was removed`);
}

/** Removes a snapshot. */
export async function removeSnapshot(machine: Machine, name: string): Promise<void> {
  takeMachine(await send<Machine>("DELETE", machinePath(machine, `/snapshots/${encodeURIComponent(name)}`)));
}
