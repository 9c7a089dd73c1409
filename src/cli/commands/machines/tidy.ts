import type { Command } from "commander";
import { VmbuilderError } from "../../../model/errors.ts";
import { runSession } from "../../session.ts";
import { findMachine } from "./shared.ts";

/** Adds `vmbuilder prune` and `flatten`. */
export function addTidy(program: Command): void {
  program
    .command("prune")
    .summary("Removes throwaway machines that were left behind.")
    .description("Removes throwaway machines that a killed `shell` left behind; with --stopped, all that do not run.")
    .option("--stopped", "also every other machine that does not run")
    .option("--dry-run", "only say which")
    .action(prune);
  program
    .command("flatten")
    .argument("<MACHINE>")
    .summary("Makes a machine independent of the cache.")
    .description("Makes a machine independent of the cache, by copying what it shares with others.")
    .action(flatten);
}

async function prune({ stopped, dryRun = false }: { stopped?: boolean; dryRun?: boolean }): Promise<void> {
  const [{ listMachines, openStore }, { removeMachine, removeOrphans }, { machineStatus }] = await Promise.all([
    import("../../../machines/store.ts"),
    import("../../../machines/stop.ts"),
    import("../../../machines/status.ts"),
  ]);
  const store = await openStore();
  const tell = (name: string) => process.stdout.write(`${name} ${dryRun ? "would be removed" : "is removed"}\n`);
  for (const name of await removeOrphans(store, dryRun)) tell(name);
  if (!stopped) return;
  for (const machine of (await listMachines(store)).filter(({ owner }) => owner === undefined)) {
    if ((await machineStatus(machine)).state === "running") continue;
    if (!dryRun) await removeMachine(store, machine);
    tell(machine.name);
  }
}

async function flatten(name: string): Promise<void> {
  const { store, machine } = await findMachine(name);
  const [{ flattenImages }, { machineStatus }, { withMachineLock, writeSpec }, { listSnapshots }] = await Promise.all([
    import("../../../machines/flatten.ts"),
    import("../../../machines/status.ts"),
    import("../../../machines/store.ts"),
    import("../../../machines/snapshots.ts"),
  ]);
  await runSession({ quiet: true }, ({ signal }) =>
    withMachineLock(store, name, signal, async () => {
      if ((await machineStatus(machine)).state === "running")
        throw new VmbuilderError("machine-running", `${name} runs`, { hint: `stop it first: vmbuilder stop ${name}` });
      if (machine.snapshot?.isRenewed === false)
        throw new VmbuilderError("machine-stopped", `${name} was never started`, { hint: `vmbuilder start ${name}` });
      const held = await listSnapshots(machine);
      if (held.length > 0)
        throw new VmbuilderError("snapshot-exists", `${name} has snapshots, which would be lost`, {
          hint: `remove them first: vmbuilder snapshot ${name} ${held[0]?.name} --rm`,
        });
      await flattenImages(machine.directory, machine.disks, signal);
      await writeSpec(machine);
    }),
  );
  process.stdout.write(`${name} stands alone\n`);
}
