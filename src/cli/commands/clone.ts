import { join } from "node:path";
import type { Command } from "commander";
import type { Clone } from "../../machines/clone.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { makeCompileCache } from "../compile-cache.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface CloneOptions {
  hostname: string;
  ip?: string;
  ip6?: string;
  dest?: string;
  count?: string;
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
    .option("-n, --count <N>", "make N clones; {n} in --hostname is each one's number")
    .option("--ip <ADDRESS>", "fixed address of the clone (default dhcp)")
    .option("--ip6 <ADDRESS>", "fixed IPv6 address of the clone (default auto)")
    .option("-d, --dest <DIR>", "result (default NAME-vm); with -n, the folder of the results")
    .option("-o, --overwrite", "replace DIR if vmbuilder made it")
    .option("--cache-dir <DIR>", "cache of the machine (default ~/.cache/vmbuilder)")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((directory: string, options: CloneOptions) => clone(directory, options));
}

/** How many are made at a time. */
const AT_ONCE = 4;

async function clone(source: string, options: CloneOptions): Promise<void> {
  const wanted = readCount(options);
  const [{ cloneMachine }, { defaultCacheDirectory }] = await Promise.all([
    import("../../machines/clone.ts"),
    import("../../core/cache.ts"),
  ]);
  const several = options.count !== undefined;
  const { json, quiet } = options;
  const made = await runSession({ json, quiet: !json }, async ({ signal, emit }) => {
    const clones: Clone[] = [];
    const left = [...wanted];
    const work = async () => {
      for (let hostname = left.shift(); hostname !== undefined; hostname = left.shift())
        clones.push(
          await cloneMachine({
            ...{ source, hostname, signal, emit },
            addresses: { ip: options.ip, ip6: options.ip6 },
            destination: several ? join(options.dest ?? ".", hostname) : (options.dest ?? `${hostname}-vm`),
            cacheDirectory: options.cacheDir ?? defaultCacheDirectory(),
            overwrite: options.overwrite ?? false,
          }),
        );
    };
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => work().finally(() => left.splice(0))));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed) throw failed.reason;
    return clones;
  });
  makeCompileCache();
  if (json) for (const one of made) writeJsonLine(process.stdout, { type: "result", ...one });
  else if (!quiet && several) process.stdout.write(`${made.length} clones are in ${options.dest ?? "."}\n`);
  else if (!quiet)
    for (const { hostname, directory } of made)
      process.stdout.write(`${hostname} is in ${directory}; start it with ${directory}/run.sh\n`);
}

const MOST_CLONES = 10_000;

/** The host names of the clones. @throws usage */
function readCount({ count, hostname, ip, ip6 }: CloneOptions): string[] {
  if (count === undefined) return [hostname];
  const n = /^[0-9]+$/.test(count) ? Number(count) : 0;
  if (n < 1 || n > MOST_CLONES)
    throw new VmbuilderError("usage", `-n: "${count}" is no number of clones`, {
      hint: `give one from 1 to ${MOST_CLONES}`,
    });
  if (!hostname.includes("{n}"))
    throw new VmbuilderError("usage", "-n: the clones would all have one name", { hint: "write --hostname 'web-{n}'" });
  if (n > 1 && (ip ?? ip6) !== undefined)
    throw new VmbuilderError("usage", "-n: several clones cannot have one address", {
      hint: "leave --ip and --ip6 out",
    });
  return Array.from({ length: n }, (_, index) => hostname.replaceAll("{n}", String(index + 1)));
}
