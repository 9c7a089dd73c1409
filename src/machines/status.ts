import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { findLasting, type LastingProcess } from "../system/lasting-process.ts";
import { MACHINE_FILES, type Machine, type MachineRun } from "./machine.ts";
import { QEMU_PREFIX } from "./qemu-command.ts";
import { readRun } from "./store.ts";

/** Whether a machine runs, and since when, and how it is reached. */
export type MachineStatus =
  | { readonly state: "running"; readonly process: LastingProcess; readonly run: MachineRun | undefined }
  /** `ended` says of one that nobody stopped how it came to that. */
  | { readonly state: "stopped"; readonly ended?: "by itself" | "host restarted" };

/**
 * Looks whether a machine's qemu lives. qemu's own pid file leads to it, even when the command that started it was killed before
 * it could write anything down; the process's folder and program tell it from others that got the same number.
 */
export async function machineStatus(machine: Pick<Machine, "directory">): Promise<MachineStatus> {
  const [directory, run] = await Promise.all([realpath(machine.directory), readRun(machine)]);
  const found = await findLasting(join(directory, MACHINE_FILES.pid), QEMU_PREFIX, directory);
  if (found)
    return {
      state: "running",
      process: found,
      run: run?.pid === found.pid && run.start === found.start ? run : undefined,
    };
  if (!run) return { state: "stopped" };
  return { state: "stopped", ended: run.hostBoot === (await hostBoot()) ? "by itself" : "host restarted" };
}

/** Names this run of the host. */
export async function hostBoot(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
