import type { NetworkPlan } from "../model/network.ts";
import type { Recipe } from "../model/recipe.ts";

/** A machine that is ready to be described to its hypervisor. */
export interface MachineDescription {
  readonly recipe: Pick<Recipe, "mem" | "cpus">;
  readonly network: NetworkPlan;
  readonly hostname: string;
  readonly architecture: "amd64" | "arm64";
  /** Disk files, by name within the result folder. */
  readonly disks: readonly string[];
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
  describe(machine: MachineDescription): DeployedFile[];
}
