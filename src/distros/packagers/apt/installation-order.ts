import { dependencyClosure, dependentsClosure, installationLevels, providersOf } from "../../../model/dependency.ts";
import type { PackageRef } from "../../../model/package.ts";

/** Packages by the way they take into the tree; each list largest first. */
export interface InstallationOrder {
  /** Unpacked and configured before all else; empty when the tree has them already. */
  readonly required: readonly PackageRef[];
  /** Each is unpacked when the one before is configured; at least one, which may be empty. */
  readonly groups: readonly (readonly PackageRef[])[];
  /** Those of the required packages that kernels pre-depend on, with their dependencies. */
  readonly kernelNeeds: readonly PackageRef[];
  /** Kernels, and what depends on them: unpacked beside the first group, as all that they pre-depend on is required. */
  readonly kernels: readonly PackageRef[];
}

/** Tells packages apart. */
export interface PackageKinds {
  readonly isRequired: (ref: PackageRef) => boolean;
  readonly isKernel: (ref: PackageRef) => boolean;
}

/**
 * Sorts packages so that what one pre-depends on is configured before it is unpacked. What kernels pre-depend on joins the
 * required packages; in a tree that has those already, such kernels go with all other packages.
 */
export function sortPackages(
  packages: readonly PackageRef[],
  { isRequired, isKernel }: PackageKinds,
): InstallationOrder {
  const largestFirst = [...packages].sort((a, b) => b.sizeBytes - a.sizeBytes);
  const dependents = dependentsClosure(packages.filter(isKernel), packages);
  const preDependencies = providersOf([...dependents].map(({ preDepends }) => preDepends).join(), packages).filter(
    (ref) => !dependents.has(ref),
  );
  const roots = packages.filter(isRequired);
  const required = dependencyClosure(roots.length > 0 ? [...roots, ...preDependencies] : [], packages);
  const isBeside = preDependencies.every((ref) => required.has(ref));
  const kernels = new Set(isBeside ? [...dependents].filter((ref) => !required.has(ref)) : []);
  const groups = installationLevels(
    largestFirst.filter((ref) => !kernels.has(ref)),
    required,
  );
  return {
    required: largestFirst.filter((ref) => required.has(ref)),
    groups: groups.length > 0 ? groups : [[]],
    kernelNeeds: [...dependencyClosure(preDependencies, packages)].filter((ref) => required.has(ref)),
    kernels: largestFirst.filter((ref) => kernels.has(ref)),
  };
}

/**
 * The groups' packages by their group, now that it is known which have a preinst script: only such a script can tell
 * whether what its package pre-depends on is configured before the package is unpacked, or later.
 *
 * @returns index of a group, not higher than that in `order`
 */
export function regroup(
  { required, groups }: InstallationOrder,
  hasPreinst: (ref: PackageRef) => boolean,
): ReadonlyMap<PackageRef, number> {
  const refs = groups.flat();
  const nodes = refs.map((ref) => ({ ...ref, ref, preDepends: hasPreinst(ref) ? ref.preDepends : "" }));
  const before = required.map((ref) => ({ ...ref, ref }));
  const levels = installationLevels([...nodes, ...before], new Set(before));
  return new Map(levels.flatMap((level, i) => level.map(({ ref }) => [ref, i] as const)));
}
