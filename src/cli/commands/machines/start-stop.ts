import type { Command } from "commander";
import { runSession } from "../../session.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { findMachine, readSeconds } from "./shared.ts";
import { reportUp } from "./up.ts";

interface StartOptions {
  wait: boolean;
  timeout?: string;
  json?: boolean;
  quiet?: boolean;
}

interface StopOptions {
  force?: boolean;
  timeout?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `vmbuilder start`, `stop` and `restart`. */
export function addStartStop(program: Command): void {
  withOutput(
    program
      .command("start")
      .argument("<MACHINE>")
      .description("Starts a machine and waits until it answers.")
      .option("--no-wait", "don't wait until it answers")
      .option("--timeout <SECONDS>", "how long to wait (default 60, without KVM 360)"),
  ).action(start);
  withOutput(
    program
      .command("stop")
      .argument("<MACHINE...>")
      .summary("Shuts machines down.")
      .description("Shuts machines down; one that does not end in time is switched off.")
      .option("-f, --force", "switch it off at once")
      .option("--timeout <SECONDS>", "how long it may take (default 30, without KVM 180)"),
  ).action(stop);
  withOutput(
    program
      .command("restart")
      .argument("<MACHINE>")
      .description("Stops a machine and starts it again.")
      .option("-f, --force", "switch it off at once")
      .option("--no-wait", "don't wait until it answers")
      .option("--timeout <SECONDS>", "how long to wait (default 60, without KVM 360)"),
  ).action(restart);
}

function withOutput(command: Command): Command {
  return command
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors");
}

async function start(name: string, options: StartOptions): Promise<void> {
  const timeoutMs = readSeconds("--timeout", options.timeout);
  const { store, machine } = await findMachine(name);
  const { startAndWait } = await import("../../../machines/up.ts");
  const running = await runSession(options, ({ signal, emit }) =>
    startAndWait(store, machine, { wait: options.wait, timeoutMs, signal, emit }),
  );
  reportUp({ machine, running }, options);
}

async function stop(names: string[], options: StopOptions): Promise<void> {
  const timeoutMs = readSeconds("--timeout", options.timeout);
  const found = await Promise.all(names.map(findMachine));
  const { stopMachine } = await import("../../../machines/stop.ts");
  await runSession({ quiet: true }, ({ signal }) =>
    Promise.all(
      found.map(async ({ store, machine }) => {
        const how = await stopMachine(store, machine, { force: options.force, timeoutMs, signal });
        const text = { "was stopped": "did not run", "shut down": "has shut down", "killed": "was switched off" }[how];
        if (options.json) writeJsonLine(process.stdout, { type: "result", name: machine.name, how });
        else if (!options.quiet) process.stdout.write(`${machine.name} ${text}\n`);
      }),
    ),
  );
}

async function restart(name: string, options: StartOptions & StopOptions): Promise<void> {
  await stop([name], { force: options.force ?? false, quiet: true });
  await start(name, options);
}
