import type { Command } from "commander";
import { VmbuilderError } from "../../../model/errors.ts";
import { endWith, findMachine } from "./shared.ts";

/** Adds `vmbuilder cp`. */
export function addCopy(program: Command): void {
  program
    .command("cp")
    .argument("<PATH...>", "sources and then the target; MACHINE:PATH is in a machine")
    .summary("Copies files between here and a machine.")
    .description("Copies files and folders into a machine or out of one: vmbuilder cp site web:/var/www")
    .action(copy);
}

async function copy(paths: string[]): Promise<void> {
  const [{ copyFiles, readCopyEnd }, { runningMachine }] = await Promise.all([
    import("../../../machines/copy.ts"),
    import("../../../machines/running.ts"),
  ]);
  const ends = paths.map(readCopyEnd);
  const to = ends.pop();
  const sources = new Set(ends.map(({ machine }) => machine));
  const name = to?.machine ?? [...sources][0];
  const isOneWay = sources.size === 1 && (to?.machine === undefined) !== ([...sources][0] === undefined);
  if (!to || name === undefined || !isOneWay)
    throw new VmbuilderError("usage", "cp: either the sources or the target must be in one machine", {
      hint: "write for example vmbuilder cp site web:/var/www",
    });
  const { store, machine } = await findMachine(name);
  endWith(await copyFiles(store, machine, await runningMachine(machine), ends, to));
}
