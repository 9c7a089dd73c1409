import type { Architecture } from "../model/architecture.ts";
import type { FileEdit } from "../model/file-edit.ts";
import type { Identity, MachineScript } from "../model/identity.ts";
import type { Lock, PackageRef } from "../model/package.ts";
import type { BootPlace } from "../model/placed-volume.ts";
import type { Extras, PackageRequest, Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import type { DiskPlan } from "../model/storage-plan.ts";
import type { BuildContext } from "./context.ts";
import type { SystemIds } from "./hypervisor.ts";

/** Files of a finished tree that identity is made from, by path; read inside the guest. */
export type TreeFiles = Readonly<Record<string, string>>;

/** What later stages need to know of a finished tree. */
export interface TreeFacts {
  readonly packages: readonly PackageRef[];
  readonly kernelVersion: string;
  readonly sizeBytes: number;
  readonly files: TreeFiles;
}

/** Names of the files that {@link Distro.finish} writes for the disk's boot areas. */
export const BOOT_FILES = { mbr: "boot.img", core: "core.img", efi: "grub.efi" } as const;

/** A way to make a tree: from nothing, or on top of a smaller one. */
export interface TreeRequest {
  readonly tree: string;
  readonly plan: Plan;
  readonly lock: Lock;
}

/** A file of the host, and the key of a recipe that makes a build do without it. */
export interface HostFileOf {
  readonly path: string;
  readonly debianPackage: string;
  readonly unless?: keyof Recipe;
}

/** How a machine is brought from one release to another. */
export interface UpgradeWay {
  /** Its package manager, with sources of the new release; or the distribution's own program, and which releases that shall offer. */
  readonly by: "full-upgrade" | { readonly prompt: "lts" | "normal" };
  /** Releases between them that the distribution wants to be upgraded to first. */
  readonly passedOver: readonly string[];
}

/** Where a suite is read. */
export interface ArchivePlace {
  /** The suites that are there: the one that was asked for, and its updates. */
  readonly suites: readonly string[];
  /** Addresses as a machine knows them, and where this host reads the same. */
  readonly addresses: readonly { readonly guest: string; readonly host: string }[];
}

/** A distribution: everything that is particular to it. One folder each under `distros/`. */
export interface Distro {
  readonly name: string;
  readonly title: string;
  /** Files of the host that a build reads, with the Debian package that brings each. */
  readonly hostFiles: readonly HostFileOf[];
  /** Raised when what `install` or `finish` produce changes. */
  readonly treeVersion: number;
  /** Turns a suite's alias or nothing into its code name. @throws suite-unknown */
  resolveSuite(suite: string | undefined): Promise<string>;
  /** Code names of the suites that it knows, the oldest first. */
  listSuites(): Promise<string[]>;
  /** How a release of it is upgraded to a later one. Both are known code names. */
  findUpgradeWay(from: string, to: string): Promise<UpgradeWay>;
  /** Finds the archive of a plan's suite. @throws mirror-unknown, mirror-not-a-repository, and release errors */
  findArchive(plan: Plan, signal: AbortSignal): Promise<ArchivePlace>;
  /** Whether a suite's boot loader knows ext4's `metadata_csum_seed`. */
  readsChecksumSeeds(suite: string): Promise<boolean>;
  /** What hypervisors call a suite of it. */
  systemIds(suite: string): Promise<SystemIds>;
  /** Packages that the recipe asks for, with what booting and logging in needs. */
  requestPackages(
    recipe: Recipe,
    suite: string,
    architecture: Architecture,
    disks: Pick<Plan, "disk" | "moreDisks">,
  ): Promise<PackageRequest>;
  /**
   * Reads what the recipe names on this host beside the archive. Called only when it names something.
   *
   * @throws recipe-invalid, file-unreadable, key-unusable
   */
  readExtras(recipe: Recipe, architecture: Architecture): Promise<Extras>;
  /** Scripts that settings of a recipe need, such as for its locale. They run before the recipe's own. Pure. */
  settingScripts(recipe: Recipe): MachineScript[];
  /**
   * Asks the archive. `onSolving` is called when the answer has to be worked out, which takes a while.
   *
   * @throws mirror and package errors
   */
  resolve(plan: Plan, context: BuildContext, onSolving?: () => void): Promise<Lock>;
  /** Installs into a tree what `present` (package ids) lacks; an empty `present` means an empty tree. */
  install(request: TreeRequest, present: readonly string[], context: BuildContext): Promise<void>;
  /** Last touches that need the tree: cleaning, and those of the boot loader's images that `bootDirectory` lacks. */
  finish(request: TreeRequest, bootDirectory: string, context: BuildContext): Promise<TreeFacts>;
  /** The boot loader's images for a disk that isn't laid out as {@link finish} expects. The tree stays as it is. */
  makeBootFiles(
    tree: string,
    architecture: Architecture,
    place: Pick<BootPlace, "label" | "partition" | "directory">,
    bootDirectory: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** The files of one machine. Pure. */
  identify(identity: Identity, facts: TreeFacts, disk: DiskPlan, moreDisks?: readonly DiskPlan[]): FileEdit[];
}
