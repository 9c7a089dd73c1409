import type { Command } from "commander";
import { endWith, findMachine, readSeconds } from "./shared.ts";

interface InsideOptions {
  user?: string;
  timeout?: string;
  tty?: boolean;
}

/** Adds `vmbuilder exec` and `ssh`. */
export function addInside(program: Command): void {
  program
    .command("exec")
    .argument("<MACHINE>")
    .argument("<COMMAND...>", "the command and its arguments, after --")
    .summary("Runs a command in a machine, as root.")
    .description(
      "Runs a command in a machine, as root, and ends with its exit status. Its output and errors come apart, and it reads what is given here.",
    )
    .option("-u, --user <USER>", "account that runs it (default root)")
    .option("--timeout <SECONDS>", "end it then, with status 124")
    .option("-t, --tty", "give it a terminal")
    .passThroughOptions()
    .action((name: string, command: string[], options: InsideOptions) => inside(name, command, options));
  program
    .command("ssh")
    .argument("<MACHINE>")
    .argument("[COMMAND...]", "a command and its arguments, after --")
    .description("Opens a root shell in a machine, over ssh.")
    .option("-u, --user <USER>", "account (default root)")
    .passThroughOptions()
    .action((name: string, command: string[], options: InsideOptions) =>
      inside(name, command, { ...options, tty: command.length === 0 || process.stdin.isTTY }),
    );
}

async function inside(name: string, words: readonly string[], options: InsideOptions): Promise<void> {
  const command = words[0] === "--" ? words.slice(1) : words;
  const timeoutMs = readSeconds("--timeout", options.timeout);
  const { store, machine } = await findMachine(name);
  const [{ runningMachine }, { attachToMachine }] = await Promise.all([
    import("../../../machines/running.ts"),
    import("../../../machines/exec.ts"),
  ]);
  const terminal = options.tty ?? false;
  const running = await runningMachine(machine);
  endWith(await attachToMachine(store, machine, running, command, { terminal, user: options.user, timeoutMs }));
}
