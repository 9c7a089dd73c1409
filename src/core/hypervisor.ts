import type { Architecture } from "../model/architecture.ts";
import type { NetworkPlan } from "../model/network.ts";
import type { Recipe } from "../model/recipe.ts";

/** What hypervisors call an operating system; they choose their defaults by it. */
export interface SystemIds {
  /** @see https://gitlab.com/libosinfo/osinfo-db */
  readonly libosinfo: string;
  readonly vmware: string;
  readonly virtualbox: string;
  /** Number by CIM_OperatingSystem, for OVF. */
  readonly cim: number;
}

/** What the libvirt that is to get a machine can do. */
export interface LibvirtHost {
  readonly hasKvm: boolean;
  /** A user's own: it has no networks. */
  readonly isSession: boolean;
  /** Elsewhere: the storage pool that takes the disks. */
  readonly pool?: string | undefined;
}

/** A disk of a machine. */
export interface MachineDisk {
  /** File of the result folder; of a disk that was written elsewhere, its absolute path. */
  readonly name: string;
  readonly isElsewhere?: boolean;
  /** As the machine sees it. */
  readonly sizeBytes: number;
  readonly uuid: string;
}

/** A machine that is ready to be described to its hypervisor. */
export interface MachineDescription {
  readonly recipe: Pick<Recipe, "mem" | "cpus" | "user">;
  readonly network: NetworkPlan;
  readonly hostname: string;
  readonly architecture: Architecture;
  readonly firmware: "bios" | "uefi";
  readonly system: SystemIds;
  /** Of this machine alone. */
  readonly uuid: string;
  readonly disks: readonly MachineDisk[];
  /** Where it is to be defined. */
  readonly libvirt: LibvirtHost;
  /** The result folder as people will find it, for descriptions that need absolute paths. */
  readonly directory: string;
}

/** A file of the result folder, beside the disks. */
export interface DeployedFile {
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

/** A hypervisor: one file each under `hypervisors/`. */
export interface Hypervisor {
  readonly name: string;
  readonly title: string;
  /** Name of the disk format it wants. */
  readonly format: string;
  /** It also takes disks that were written to a raw file or device elsewhere. */
  readonly readsRaw?: boolean;
  /** Architectures it can run. */
  readonly architectures: readonly MachineDescription["architecture"][];
  /** Pure. */
  describe(machine: MachineDescription): DeployedFile[];
  /** Puts the disks of a folder into one file, whose name is returned; they are then no longer wanted themselves. */
  pack?(machine: MachineDescription, folder: string, signal: AbortSignal): Promise<string>;
}
