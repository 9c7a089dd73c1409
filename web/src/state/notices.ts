import { signal } from "@preact/signals";
import { ApiError } from "../api/client.ts";

/** A short message at the foot of the page, perhaps with something to do about it. */
export interface Notice {
  readonly id: number;
  readonly kind: "done" | "problem";
  readonly text: string;
  readonly hint?: string | undefined;
  readonly action?: { readonly label: string; readonly run: () => void } | undefined;
}

const SHOWN_MS = 8000;

/** The notices that are shown, oldest first. */
export const notices = signal<readonly Notice[]>([]);
let nextId = 1;

/** Says that something was done. Notices with an action stay longer. */
export function notify(text: string, action?: Notice["action"]): void {
  show({ kind: "done", text, action }, action ? 2 * SHOWN_MS : SHOWN_MS);
}

/** Shows an error, with the server's advice. */
export function notifyError(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const text = error instanceof Error ? error.message : String(error);
  show({ kind: "problem", text, hint: error instanceof ApiError ? error.problem.hint : undefined }, 2 * SHOWN_MS);
}

/** Takes a notice away. */
export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

function show(notice: Omit<Notice, "id">, shownMs: number): void {
  const id = nextId++;
  notices.value = [...notices.value.slice(-2), { ...notice, id }];
  setTimeout(() => dismiss(id), shownMs);
}
