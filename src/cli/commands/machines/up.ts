import { resolve } from "node:path";
import type { Command } from "commander";
import { SHIPPED } from "../../../core/shipped-recipes.ts";
import type { Forward } from "../../../machines/machine.ts";
import type { UpMachine } from "../../../machines/up.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { makeCompileCache } from "../../compile-cache.ts";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../../options.ts";
import { readSurroundings, recipeOptions } from "../../recipe-options.ts";
import { runSession } from "../../session.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { BUILD_CHOICES, prepareLock } from "../build.ts";
import { readSeconds } from "./shared.ts";

/** Options of a build that say what becomes of its result: here it is a machine. */
export const NOT_HERE = [
  "dest",
  "format",
  "hypervisor",
  "raw",
  "libvirt",
  "overwrite",
  "yes",
  "dry-run",
  "allow-no-login",
  "update-lock",
  "matrix",
] as const satisfies readonly (keyof BuildOptionValues)[];

interface UpOptions {
  machine?: string;
  forward?: string[];
  fast?: boolean;
  libvirt?: string;
  wait: boolean;
  timeout?: string;
}

/** Adds `vmbuilder up`. */
export function addUp(program: Command): void {
  const command = program
    .command("up")
    .argument("[RECIPE]", "recipe file, or a distribution's suite such as debian:trixie")
    .summary("Makes and starts a machine from a recipe.")
    .description(
      "Makes a machine from a recipe, options, or both, starts it and waits until it answers. One that is there already is just started.",
    )
    .option("--machine <NAME>", "name of the machine (default its host name)")
    .option("--forward <HOST:GUEST>", "lead a port of this host into the machine; repeatable", collect)
    .option("--fast", "go on from a booted machine of the cache, made at the first time")
    .option("--libvirt <URI>", "let your own libvirt run it: qemu:///session")
    .option("--no-wait", "don't wait until it answers")
    .option("--timeout <SECONDS>", "how long to wait (default 60, without KVM 360)");
  addBuildOptions(command, BUILD_CHOICES, NOT_HERE).action((recipe: string | undefined) =>
    up(recipe, readBuildOptions(command), command.opts<UpOptions>()),
  );
}

async function up(file: string | undefined, given: BuildOptionValues, options: UpOptions): Promise<void> {
  const forwards = (options.forward ?? []).map(readForward);
  const timeoutMs = readSeconds("--timeout", options.timeout);
  const { recipe, origin, path } = await readMachineRecipe(file, given);
  const [{ LIBVIRT_SESSION }, { openStore }, { upMachine }, { defaultCacheDirectory }, { planBuild }] =
    await Promise.all([
      import("../../../machines/machine.ts"),
      import("../../../machines/store.ts"),
      import("../../../machines/up.ts"),
      import("../../../core/cache.ts"),
      import("../../../stages/plan.ts"),
    ]);
  const findLock = await prepareLock(path, await planBuild(recipe), given);
  const made = await runSession(given, async ({ signal, emit }) => {
    const common = { cacheDirectory: given["cache-dir"] ?? defaultCacheDirectory(), signal, emit };
    return upMachine(await openStore(), {
      ...{
        ...common,
        recipe,
        origin,
        forwards,
        name: options.machine,
        wait: options.wait,
        timeoutMs,
        fast: options.fast,
        libvirt: options.libvirt ?? (recipe.libvirt === LIBVIRT_SESSION ? recipe.libvirt : undefined),
      },
      lock: await findLock(common),
    });
  });
  makeCompileCache();
  reportUp(made, given);
}

/** Says that a machine is up and how to get in. */
export function reportUp(
  { machine, running: { run } }: UpMachine,
  { json, quiet }: { json?: boolean | undefined; quiet?: boolean | undefined },
): void {
  const { name, directory } = machine;
  const { sshPort, forwards, accelerator } = run;
  if (json) writeJsonLine(process.stdout, { type: "result", name, directory, accelerator, sshPort, forwards });
  if (json || quiet) return;
  const ports = forwards.map(({ host, guest }) => `\n  Port     127.0.0.1:${host} leads to its port ${guest}`).join("");
  const slow = accelerator === "tcg" ? "\n           by software emulation, for want of KVM: several times slower" : "";
  process.stdout.write(
    `${name} runs${slow}${ports}\n  Log in   vmbuilder ssh ${name}\n  Run      vmbuilder exec ${name} -- COMMAND\n`,
  );
}

/** A recipe file, or the name of a suite: `debian:trixie`, `ubuntu:noble`. */
export async function readMachineRecipe(file: string | undefined, given: BuildOptionValues) {
  const { readRecipe } = await import("../../../core/recipe-file.ts");
  const [, distro, suite] = /^([a-z]+):([a-z0-9.]+)$/.exec(file ?? "") ?? [];
  const isSuite = distro !== undefined && distro !== "recipe" && suite !== undefined;
  const path = isSuite ? undefined : file;
  const own = isSuite ? { distro, suite, hostname: suite } : {};
  const recipe = await readRecipe(path, { ...own, ...recipeOptions(given) }, await readSurroundings(given));
  return { recipe, path, origin: path === undefined ? (isSuite ? `${distro}:${suite}` : "options") : originOf(path) };
}

/** Where a machine comes from, as `ls` shows it. */
export function originOf(file: string): string {
  return file.startsWith(SHIPPED) ? file : resolve(file);
}

function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

function readForward(text: string): Forward {
  const [, host, guest] = /^(\d{1,5}):(\d{1,5})$/.exec(text) ?? [];
  const forward = { host: Number(host), guest: Number(guest) };
  if (forward.host <= 65535 && forward.guest >= 1 && forward.guest <= 65535) return forward;
  throw new VmbuilderError("usage", `--forward: "${text}" is not HOST:GUEST`, {
    hint: "write for example --forward 8080:80; 0:80 takes any port that is free",
  });
}
