import type { Command } from "commander";
import { VmbuilderError } from "../../../model/errors.ts";
import { runSession } from "../../session.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { findMachine } from "./shared.ts";

interface SnapshotOptions {
  rm?: boolean;
  json?: boolean;
}

/** Adds `vmbuilder snapshot` and `restore`. */
export function addSnapshot(program: Command): void {
  program
    .command("snapshot")
    .argument("<MACHINE>")
    .argument("[SNAPSHOT]", "its name; without one, all are listed")
    .summary("Takes a snapshot of a machine, or lists them.")
    .description("Takes a snapshot of a machine: of its memory too when it runs. Without a name, lists them.")
    .option("--rm", "remove it instead")
    .option("--json", "the list as lines of JSON")
    .action(snapshot);
  program
    .command("restore")
    .argument("<MACHINE>")
    .argument("<SNAPSHOT>")
    .summary("Puts a machine back to a snapshot.")
    .description("Puts a machine back to a snapshot. What happened since is lost.")
    .action(restore);
}

async function snapshot(name: string, label: string | undefined, { rm, json }: SnapshotOptions): Promise<void> {
  const { store, machine } = await findMachine(name);
  const { listSnapshots, removeSnapshot, takeSnapshot } = await import("../../../machines/snapshots.ts");
  if (label === undefined) {
    if (rm)
      throw new VmbuilderError("usage", "--rm: which snapshot?", { hint: `vmbuilder snapshot ${name} NAME --rm` });
    const all = await listSnapshots(machine);
    for (const one of all)
      if (json) writeJsonLine(process.stdout, one);
      else process.stdout.write(`${one.name}  ${one.createdAt}  ${one.hasMemory ? "with memory" : "disks"}\n`);
    if (all.length === 0 && !json) process.stdout.write(`${name} has no snapshot\n`);
  } else if (rm) await removeSnapshot(store, machine, label);
  else await runSession({ quiet: true }, ({ signal }) => takeSnapshot(store, machine, label, signal));
}

async function restore(name: string, label: string): Promise<void> {
  const { store, machine } = await findMachine(name);
  const [{ restoreSnapshot }, { machineStatus }] = await Promise.all([
    import("../../../machines/snapshots.ts"),
    import("../../../machines/status.ts"),
  ]);
  await runSession({ quiet: true }, ({ signal }) => restoreSnapshot(store, machine, label, signal));
  const { state } = await machineStatus(machine);
  process.stdout.write(`${name} is back at ${label}, and ${state === "running" ? "runs" : "is stopped"}\n`);
}
