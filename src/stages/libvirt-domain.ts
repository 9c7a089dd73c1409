import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LibvirtHost } from "../core/hypervisor.ts";
import { PROCESSOR_NAMES } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Plan } from "../model/plan.ts";
import { CommandError } from "../system/process.ts";
import { virsh, virshComplaint, virshSucceeds } from "../system/virsh.ts";
import { checkPool, isElsewhere, listUploads, removeVolumes, uploadVolumes, volumesOf } from "./libvirt-volumes.ts";

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
    throw new VmbuilderError("libvirt-unreachable", `libvirt does not answer at ${uri}: ${virshComplaint(cause)}`, {
      hint: "start its daemon, join the group libvirt, or give another --libvirt URI such as qemu:///session",
      cause,
    });
  });
  const { stdout: running } = await virsh(uri, ["list", "--name"], signal);
  if (running.split("\n").includes(recipe.hostname))
    throw new VmbuilderError("dest-exists", `a machine named ${recipe.hostname} is running in libvirt`, {
      hint: "choose another --hostname, or stop it first",
    });
  if ((await virshSucceeds(uri, ["domstate", recipe.hostname], signal)) && !overwrite)
    throw new VmbuilderError("dest-exists", `libvirt has a machine named ${recipe.hostname} already`, {
      hint: "choose another --hostname, or replace it with --overwrite",
    });
  const capabilities = ["domcapabilities", "--arch", PROCESSOR_NAMES[architecture], "--virttype", "kvm"];
  return {
    hasKvm: await virshSucceeds(uri, capabilities, signal),
    isSession: new URL(uri).pathname === "/session",
    pool: isElsewhere(uri) ? await checkPool(uri, recipe["libvirt-pool"] ?? "default", signal) : undefined,
  };
}

/**
 * Defines a finished machine in libvirt, in place of a stopped one of that name. To a libvirt elsewhere its disks are uploaded;
 * what fails or is stopped leaves the former machine there as it was, and nothing of the new one.
 *
 * @throws libvirt-unreachable
 */
export async function defineDomain(
  { recipe, destination }: Plan,
  host: LibvirtHost,
  signal: AbortSignal,
): Promise<void> {
  const { libvirt: uri, hostname } = recipe;
  if (uri === undefined) return;
  const { pool } = host;
  const description = join(destination, `${hostname}.xml`);
  const uploads = pool ? await listUploads(await readFile(description, "utf8"), hostname, destination) : [];
  try {
    const former = (await virshSucceeds(uri, ["domstate", hostname], signal))
      ? (await virsh(uri, ["dumpxml", "--inactive", hostname], signal)).stdout
      : undefined;
    const old = pool && former ? await volumesOf(uri, pool, hostname, signal) : [];
    if (pool) await uploadVolumes(uri, pool, uploads, signal);
    if (former) await virsh(uri, ["undefine", "--nvram", hostname], signal);
    try {
      await virsh(uri, ["define", "--validate", description], signal);
    } catch (error) {
      if (former) await virsh(uri, ["define", "/dev/stdin"], new AbortController().signal, former);
      throw error;
    }
    if (pool) await removeVolumes(uri, pool, old);
  } catch (cause) {
    if (pool)
      await removeVolumes(
        uri,
        pool,
        uploads.map(({ volume }) => volume),
      );
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    throw new VmbuilderError("libvirt-unreachable", `libvirt does not take ${hostname}: ${virshComplaint(cause)}`, {
      hint: `the machine is in ${destination}; to try again: virsh -c ${uri} define ${hostname}.xml`,
      cause,
    });
  }
}
