import { derivedUuid } from "../core/derived-uuid.ts";
import type { Format } from "../core/format.ts";
import type { LibvirtHost, MachineDescription, MachineDisk } from "../core/hypervisor.ts";
import type { Architecture } from "../model/architecture.ts";
import type { Identity } from "../model/identity.ts";
import type { NetworkPlan } from "../model/network.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { hostArchitecture } from "../system/foreign-programs.ts";
import { diskFile } from "./artifact.ts";
import { findDistro } from "./plan.ts";

/** What a machine's description follows from. */
export interface DescribedMachine {
  readonly recipe: Pick<Recipe, "mem" | "cpus" | "firmware" | "user">;
  readonly distro: string;
  readonly suite: string;
  readonly architecture: Architecture;
  readonly hostname: string;
  readonly network: NetworkPlan;
  readonly diskGuid: string;
  readonly libvirt?: LibvirtHost | undefined;
  /** Where the result folder will be. */
  readonly directory: string;
}

/** Puts together what hypervisors want to know of a machine. PCs start by BIOS unless told otherwise; others have none. */
export async function describeMachine(
  { distro, suite, diskGuid, ...machine }: DescribedMachine,
  disks: readonly MachineDisk[],
): Promise<MachineDescription> {
  const system = await findDistro(distro).systemIds(suite);
  const firmware = machine.architecture === "amd64" ? (machine.recipe.firmware ?? "bios") : "uefi";
  const libvirt = machine.libvirt ?? unknownLibvirt(machine.architecture);
  return { ...machine, libvirt, firmware, system, uuid: derivedUuid(diskGuid, "machine"), disks };
}

/** One that nobody named is taken for a host like this one, whose KVM runs its own architecture alone. */
function unknownLibvirt(architecture: DescribedMachine["architecture"]): LibvirtHost {
  return { hasKvm: architecture === hostArchitecture(), isSession: false };
}

/** A disk of a machine in one format. */
export function describeDisk(name: string, sizeBytes: number, diskGuid: string, format: string): MachineDisk {
  return { name, sizeBytes, uuid: derivedUuid(diskGuid, format) };
}

/** All disks of a machine in one format. */
export function describeDisks(
  hostname: string,
  { disk, moreDisks = [] }: Pick<Plan, "disk" | "moreDisks">,
  { ids, moreIds = [] }: Pick<Identity, "ids" | "moreIds">,
  { name: format, suffix }: Pick<Format, "name" | "suffix">,
): MachineDisk[] {
  return [disk, ...moreDisks].map(({ sizeBytes }, index) => {
    const { diskGuid } = [ids, ...moreIds][index] ?? ids;
    return describeDisk(diskFile(hostname, index, suffix), sizeBytes, diskGuid, format);
  });
}
