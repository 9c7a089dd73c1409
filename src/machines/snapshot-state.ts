import { setTimeout as delay } from "node:timers/promises";
import { VmbuilderError } from "../model/errors.ts";
import type { Qmp } from "../system/qmp.ts";
import type { Accelerator } from "./accelerator.ts";
import type { MachineSpec } from "./machine.ts";

/** Files of the object, beside the machine's disks: its memory, and the state of its devices. */
export const SNAPSHOT_FILES = { memory: "memory", devices: "devices" } as const;

/** What is remembered of a memory snapshot. */
export interface SnapshotFacts {
  readonly machine: MachineSpec;
  readonly accelerator: Accelerator;
}

/** The memory isn't part of what is written and read: it is a file. */
export async function setCapabilities(qmp: Qmp): Promise<void> {
  const capabilities = ["x-ignore-shared"].map((capability) => ({ capability, state: true }));
  await qmp.execute("migrate-set-capabilities", { capabilities });
}
/** Waits until all is written or read. @throws machine-failed */
export async function migrationEnd(qmp: Qmp, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const { status, "error-desc": why } = (await qmp.execute("query-migrate")) as Record<string, string | undefined>;
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled")
      throw new VmbuilderError("machine-failed", `qemu could not move the machine's state: ${why ?? status}`);
    await delay(POLL_MS);
  }
}

const POLL_MS = 20;
