import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { MACHINE_FILES } from "../../../machines/machine.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { findMachine } from "./shared.ts";

/** Adds `vmbuilder console` and `logs`. */
export function addConsole(program: Command): void {
  program
    .command("console")
    .argument("<MACHINE>")
    .summary("Joins a machine's serial console; Ctrl-] leaves.")
    .description("Joins this terminal to a machine's serial console; Ctrl-] leaves.")
    .action(console);
  program
    .command("logs")
    .argument("<MACHINE>")
    .summary("Prints what a machine's serial console showed.")
    .description("Prints what a machine's serial console showed since its start.")
    .option("--previous", "of the start before this one")
    .action(logs);
}

async function console(name: string): Promise<void> {
  const { machine } = await findMachine(name);
  const [{ joinConsole }, { runningMachine }] = await Promise.all([
    import("../../../machines/console.ts"),
    import("../../../machines/running.ts"),
  ]);
  await runningMachine(machine);
  if (process.stdin.isTTY)
    process.stderr.write(`The console of ${name}. Press Enter for its prompt, Ctrl-] to leave.\n`);
  await joinConsole(machine, process.stdin, process.stdout);
  if (process.stdin.isTTY) process.stderr.write("\n");
}

async function logs(name: string, { previous }: { previous?: boolean }): Promise<void> {
  const { machine } = await findMachine(name);
  const file = join(machine.directory, previous ? MACHINE_FILES.oldConsoleLog : MACHINE_FILES.consoleLog);
  await pipeline(createReadStream(file), process.stdout, { end: false }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "EPIPE") return;
    throw new VmbuilderError(
      "machine-stopped",
      `${name} ${previous ? "was started once at most" : "was never started"}`,
      {
        cause,
      },
    );
  });
}
