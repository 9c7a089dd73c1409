import { join } from "node:path";
import type { LibvirtHost } from "../core/hypervisor.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Plan } from "../model/plan.ts";
import { CommandError, cleanEnvironment, run } from "../system/process.ts";

const CPUS = { amd64: "x86_64", arm64: "aarch64" } as const;

/**
 * Looks at the libvirt that a recipe names, before anything is made: whether it answers, what it can run, and whether the
 * machine's name is free there.
 *
 * @returns undefined when the recipe names none
 * @throws libvirt-unreachable, dest-exists
 */
export async function checkLibvirt(
  { recipe, architecture }: Plan,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<LibvirtHost | undefined> {
  const uri = recipe.libvirt;
  if (uri === undefined) return undefined;
  await virsh(uri, ["uri"], signal).catch((cause: unknown) => {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    throw new VmbuilderError("libvirt-unreachable", `libvirt does not answer at ${uri}: ${lastLine(cause)}`, {
      hint: "start its daemon, join the group libvirt, or give another --libvirt URI such as qemu:///session",
      cause,
    });
  });
  const { stdout: running } = await virsh(uri, ["list", "--name"], signal);
  if (running.split("\n").includes(recipe.hostname))
    throw new VmbuilderError("dest-exists", `a machine named ${recipe.hostname} is running in libvirt`, {
      hint: "choose another --hostname, or stop it first",
    });
  if ((await succeeds(uri, ["dominfo", recipe.hostname], signal)) && !overwrite)
    throw new VmbuilderError("dest-exists", `libvirt has a machine named ${recipe.hostname} already`, {
      hint: "choose another --hostname, or replace it with --overwrite",
    });
  const capabilities = ["domcapabilities", "--arch", CPUS[architecture], "--virttype", "kvm"];
  return { hasKvm: await succeeds(uri, capabilities, signal), isSession: uri.endsWith("/session") };
}

/**
 * Defines a finished machine in libvirt, in place of a stopped one of that name.
 *
 * @throws libvirt-unreachable
 */
export async function defineDomain({ recipe, destination }: Plan, signal: AbortSignal): Promise<void> {
  const { libvirt: uri, hostname } = recipe;
  if (uri === undefined) return;
  try {
    if (await succeeds(uri, ["dominfo", hostname], signal)) await virsh(uri, ["undefine", "--nvram", hostname], signal);
    await virsh(uri, ["define", "--validate", join(destination, `${hostname}.xml`)], signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    throw new VmbuilderError("libvirt-unreachable", `libvirt does not take ${hostname}: ${lastLine(cause)}`, {
      hint: `the machine is in ${destination}; to try again: virsh -c ${uri} define ${hostname}.xml`,
      cause,
    });
  }
}

/** By these a user's own daemon is found. */
const SESSION_VARIABLES = ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] as const;

function virsh(uri: string, args: readonly string[], signal: AbortSignal) {
  const session = Object.fromEntries(
    SESSION_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  return run(["virsh", "--quiet", "--connect", uri, ...args], { env: { ...cleanEnvironment(), ...session }, signal });
}

async function succeeds(uri: string, args: readonly string[], signal: AbortSignal): Promise<boolean> {
  try {
    await virsh(uri, args, signal);
    return true;
  } catch (error) {
    if (signal.aborted || !(error instanceof CommandError)) throw error;
    return false;
  }
}

function lastLine(error: CommandError): string {
  return (error.stderr.trim().split("\n").at(-1) ?? "").replace(/^error: /, "");
}
