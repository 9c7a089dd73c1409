import type { Architecture } from "./architecture.ts";
import type { MachineScript } from "./identity.ts";
import type { NetworkPlan } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { DiskPlan } from "./storage-plan.ts";
import type { SystemSettings } from "./system-settings.ts";

/** Everything that a build will do, decided before anything is touched. Its recipe has the settings that the host gave. */
export interface Plan {
  readonly recipe: Recipe;
  readonly suite: string;
  readonly architecture: Architecture;
  readonly packages: PackageRequest;
  readonly changes: TreeChanges;
  readonly settings: SystemSettings;
  /** The disk that the machine boots from. */
  readonly disk: DiskPlan;
  /** Its further disks, if it has any. */
  readonly moreDisks?: readonly DiskPlan[];
  readonly network: NetworkPlan;
  /** Set where the suite's boot loader can't read a file system whose checksums have a seed of their own. */
  readonly hasOldLoader?: true;
  /** What the recipe names on this host beside the archive, if anything. */
  readonly extras?: Extras;
  /** Absolute path of the result folder. */
  readonly destination: string;
}

/** What a recipe changes in the system beside its packages. */
export interface TreeChanges {
  /** Lines for debconf-set-selections(1), before packages are configured. */
  readonly debconf: string;
  /** Scripts of settings, such as its locale's, that run in the system when its packages are installed. */
  readonly settings: readonly MachineScript[];
  /** Scripts of the recipe's that run after those. */
  readonly scripts: readonly MachineScript[];
}

/** Which packages to ask the solver for. */
export interface PackageRequest {
  /** Whole priorities of the archive that are wanted. */
  readonly priorities: readonly string[];
  readonly include: readonly string[];
  /** Wanted where the archive has them. */
  readonly optional?: readonly string[];
  readonly exclude: readonly string[];
}

/** Where packages come from beside the distribution's archive. */
export interface Extras {
  readonly repositories: readonly ExtraRepository[];
  readonly debs: readonly LocalDeb[];
  /** Takes the archive's place. */
  readonly media?: InstallationMedia | undefined;
}

/** An image with the distribution's packages. */
export interface InstallationMedia {
  readonly path: string;
  /** True when it is used although nobody signed it, by the user's own word. */
  readonly trusted: boolean;
}

/** A package file on this host. */
export interface LocalDeb {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Its paragraph of an index. */
  readonly stanza: string;
  /** True when just this one is to be installed; others are offered to the solver, as a repository's are. */
  readonly isAsked: boolean;
}

/** Tells the path of a package file from the name of a package. */
export function isDebPath(text: string): boolean {
  return text.endsWith(".deb");
}

/** Tells a task, a named set of packages of the archive, from a package; both are asked for in the same lists, as with apt. */
export function isTask(text: string): boolean {
  return text.endsWith("^");
}

/** A repository of a recipe, with what verifies it. */
export interface ExtraRepository {
  readonly name: string;
  readonly uri: string;
  /** Nothing means the machine's own. */
  readonly suite: string | undefined;
  readonly components: readonly string[];
  /** Public keys in binary form, or the address from which the one with the fingerprint is fetched. */
  readonly key: Uint8Array | string | undefined;
  readonly fingerprint: string | undefined;
  /** Where the service tells of a personal archive's key. */
  readonly ppa?: string;
  readonly trusted: boolean;
  readonly checkValidUntil: boolean;
}
