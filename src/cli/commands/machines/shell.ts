import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { addBuildOptions, readBuildOptions } from "../../options.ts";
import { runSession } from "../../session.ts";
import { BUILD_CHOICES } from "../build.ts";
import { endWith } from "./shared.ts";
import { NOT_HERE, readMachineRecipe } from "./up.ts";

/** Adds `vmbuilder shell`. */
export function addShell(program: Command): void {
  const command = program
    .command("shell")
    .argument("[RECIPE]", "recipe file, or a distribution's suite such as debian:trixie")
    .summary("Opens a root shell in a throwaway machine.")
    .description("Opens a root shell in a clean machine, which is gone when the shell ends.")
    .option("--run <COMMAND>", "run this there instead, by sh")
    .option("--boot", "boot it, instead of going on from one that has booted");
  addBuildOptions(command, BUILD_CHOICES, NOT_HERE).action((recipe: string | undefined) =>
    shell(recipe, command, command.opts<{ run?: string; boot?: boolean }>()),
  );
}

async function shell(
  file: string | undefined,
  command: Command,
  options: { run?: string; boot?: boolean },
): Promise<void> {
  const given = readBuildOptions(command);
  const { recipe, origin } = await readMachineRecipe(file, given);
  const [
    { openStore, machineDirectory },
    { upMachine },
    { attachToMachine },
    { removeMachine, removeOrphans },
    { processStart },
    { defaultCacheDirectory },
  ] = await Promise.all([
    import("../../../machines/store.ts"),
    import("../../../machines/up.ts"),
    import("../../../machines/exec.ts"),
    import("../../../machines/stop.ts"),
    import("../../../system/files.ts"),
    import("../../../core/cache.ts"),
  ]);
  const store = await openStore();
  await removeOrphans(store);
  const owner = { pid: process.pid, start: (await processStart(process.pid)) ?? "" };
  const name = `shell-${randomBytes(4).toString("hex")}`;
  try {
    const { machine, running } = await runSession(given, ({ signal, emit }) =>
      upMachine(store, {
        ...{ recipe, origin, name, signal, emit, owner, fast: !options.boot, wait: true },
        cacheDirectory: given["cache-dir"] ?? defaultCacheDirectory(),
      }),
    );
    const words = options.run === undefined ? [] : ["sh", "-c", options.run];
    endWith(await attachToMachine(store, machine, running, words, { terminal: words.length === 0 }));
  } finally {
    await removeMachine(store, { name, directory: machineDirectory(store, name) });
  }
}
