import type { Command } from "commander";
import { makeCompileCache } from "../compile-cache.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface CloneOptions {
  hostname: string;
  ip?: string;
  ip6?: string;
  dest?: string;
  cacheDir?: string;
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `vmbuilder clone`. */
export function addClone(program: Command): void {
  program
    .command("clone")
    .argument("<DIR>", "folder of a built machine")
    .description("Makes a linked clone of a built machine.")
    .requiredOption("--hostname <NAME>", "name of the clone; required")
    .option("--ip <ADDRESS>", "fixed address of the clone (default dhcp)")
    .option("--ip6 <ADDRESS>", "fixed IPv6 address of the clone (default auto)")
    .option("-d, --dest <DIR>", "result (default NAME-vm)")
    .option("-o, --overwrite", "replace DIR if vmbuilder made it")
    .option("--cache-dir <DIR>", "cache of the machine (default ~/.cache/vmbuilder)")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((directory: string, options: CloneOptions) => clone(directory, options));
}

async function clone(source: string, options: CloneOptions): Promise<void> {
  const [{ cloneMachine }, { defaultCacheDirectory }] = await Promise.all([
    import("../../machines/clone.ts"),
    import("../../core/cache.ts"),
  ]);
  const made = await runSession({ json: options.json, quiet: !options.json }, ({ signal, emit }) =>
    cloneMachine({
      source,
      hostname: options.hostname,
      addresses: { ip: options.ip, ip6: options.ip6 },
      destination: options.dest ?? `${options.hostname}-vm`,
      cacheDirectory: options.cacheDir ?? defaultCacheDirectory(),
      overwrite: options.overwrite ?? false,
      signal,
      emit,
    }),
  );
  makeCompileCache();
  if (options.json) writeJsonLine(process.stdout, { type: "result", ...made });
  else if (!options.quiet)
    process.stdout.write(`${made.hostname} is in ${made.directory}; start it with ${made.directory}/run.sh\n`);
}
