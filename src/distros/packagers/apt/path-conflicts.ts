import type { UnpackedPackage } from "./dpkg-database.ts";

/** Paths whose owner dpkg must decide: diverted ones, and those that more than one package ships. */
export interface PathOwners {
  /** Owner by path, of what stands in the tree already. */
  readonly present: ReadonlyMap<string, string>;
  /** Content of dpkg's `diversions` file: three lines each, path, new path, package. */
  readonly diversions: string;
}

/**
 * Finds the packages that were unpacked side by side but ship a path that is diverted or belongs to another package too.
 * Only dpkg itself knows the rules for these (Replaces, diversions), so they are handed to it.
 */
export function findConflicting(unpacked: readonly UnpackedPackage[], owners: PathOwners): Set<UnpackedPackage> {
  const diverted = new Map<string, string>();
  const lines = owners.diversions.split("\n");
  for (let i = 0; i + 2 < lines.length; i += 3) diverted.set(String(lines[i]), String(lines[i + 2]));
  const conflicting = new Set<UnpackedPackage>();
  const seen = new Map<string, UnpackedPackage>();
  for (const one of unpacked) {
    const name = one.deb.control.get("Package");
    for (const path of one.paths) {
      if (one.directories.has(path)) continue;
      const other = seen.get(path);
      if (other) conflicting.add(other);
      const foreign = owners.present.get(path);
      const diverter = diverted.get(path);
      if (other || (foreign !== undefined && foreign !== name) || (diverter !== undefined && diverter !== name))
        conflicting.add(one);
      seen.set(path, one);
    }
  }
  return conflicting;
}
