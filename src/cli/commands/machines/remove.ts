import type { Command } from "commander";
import { VmbuilderError } from "../../../model/errors.ts";

/** Adds `vmbuilder rm`. */
export function addRemove(program: Command): void {
  program
    .command("rm")
    .argument("<MACHINE...>")
    .description("Removes machines and all that they hold.")
    .option("-f, --force", "switch off one that runs; one that is not there is fine")
    .option("-q, --quiet", "only warnings and errors")
    .action(remove);
}

async function remove(names: string[], { force, quiet }: { force?: boolean; quiet?: boolean }): Promise<void> {
  const [{ machineDirectory, machineNames, openStore, readMachine }, { removeMachine }, { machineStatus }] =
    await Promise.all([
      import("../../../machines/store.ts"),
      import("../../../machines/stop.ts"),
      import("../../../machines/status.ts"),
    ]);
  const store = await openStore();
  const known = new Set(await machineNames(store));
  const machines = names.map((name) => ({ name, directory: machineDirectory(store, name) }));
  for (const machine of machines) {
    if (!known.has(machine.name)) {
      if (!force) await readMachine(store, machine.name); // says that there is none
    } else if (!force && (await machineStatus(machine)).state === "running")
      throw new VmbuilderError("machine-running", `${machine.name} runs`, {
        hint: `stop it first: vmbuilder stop ${machine.name}; or add --force`,
      });
  }
  for (const machine of machines.filter(({ name }) => known.has(name))) {
    await removeMachine(store, machine);
    if (!quiet) process.stdout.write(`${machine.name} is removed\n`);
  }
}
