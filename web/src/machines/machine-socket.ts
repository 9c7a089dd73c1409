import { apiUrl } from "../api/client.ts";
import type { Machine } from "../api/types.ts";
import { machinePath } from "./machine-actions.ts";

/** Address of a machine's console or screen. */
export function socketUrl(machine: Machine, what: "console" | "screen"): string {
  return apiUrl(machinePath(machine, `/${what}`)).replace(/^http/, "ws");
}

/** What names a run of a machine: views begin anew with the next. */
export function runOf({ id, state, startedAt }: Machine): string {
  return state === "running" ? `${id} ${startedAt}` : "";
}

/** Whether a key leaves a view that takes all others: Ctrl and ], as in telnet. */
export function isLeaving(event: KeyboardEvent): boolean {
  return event.ctrlKey && !event.altKey && !event.metaKey && (event.key === "]" || event.code === "BracketRight");
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/**
 * Keeps a connection up: `connect` begins one and calls `lost` at its end, after which another follows.
 *
 * @returns what ends it
 */
export function keepConnected(connect: (lost: () => void) => () => void): () => void {
  let waitMs = FIRST_WAIT_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let disconnect = () => {};
  const begin = () => {
    const startedAt = Date.now();
    let isLost = false;
    disconnect = connect(() => {
      if (isLost || isOver) return;
      isLost = true;
      waitMs = Date.now() - startedAt > LONGEST_WAIT_MS ? FIRST_WAIT_MS : Math.min(waitMs * 2, LONGEST_WAIT_MS);
      timer = setTimeout(begin, waitMs);
    });
  };
  begin();
  return () => {
    isOver = true;
    clearTimeout(timer);
    disconnect();
  };
}
