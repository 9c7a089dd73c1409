/** A package as the resolver chose it: where it comes from and what its bytes must be. */
export interface PackageRef {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Absolute `http:`, `https:` or `file:` address of the .deb. */
  readonly url: string;
  /** Where else it may be, when it has gone from there. */
  readonly alternatives?: readonly string[];
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Priority in the archive's index: required, important, standard, optional, extra. */
  readonly priority: string;
  readonly essential: boolean;
  /** Pre-Depends and Depends, raw. */
  readonly depends: string;
  /** Pre-Depends alone. */
  readonly preDepends: string;
  /** A shared library: it works as soon as it is unpacked. */
  readonly isLibrary: boolean;
  readonly provides: string;
  readonly installedSizeBytes: number;
}

/** The resolver's answer: the exact packages, and the sources they came from. */
export interface Lock {
  readonly packages: readonly PackageRef[];
  /** Names asked for by priority or by the recipe; all others were pulled in by a dependency. */
  readonly manual: readonly string[];
  /** What the guest's own apt will use. */
  readonly sources: readonly AptSource[];
  /** The signed releases that the packages were chosen from. */
  readonly releases?: readonly ReleaseRef[];
  /** Date of the newest release, when the packages come from a lock file: then the result is made for this moment. */
  readonly epochSeconds?: number;
}

/** A signed release as it was found. */
export interface ReleaseRef {
  readonly url: string;
  readonly sha256: string;
  readonly dateMs: number;
}

/** One deb822 source: where packages come from and whose signature they must carry. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Keyring on the host that verifies this source; empty where nothing is verified, or has been when it was locked. */
  readonly keyring: string;
  /** Of a repository beside the archive, which has a file and a keyring of its own in the guest. */
  readonly name?: string;
  /** The keys in such a repository's keyring. */
  readonly fingerprints?: readonly string[];
  /** These keys themselves, in binary form by base64. */
  readonly keys?: string;
  /** True when it is used whoever signed it, or nobody, by the user's own word. */
  readonly trusted?: true;
  /** False when it is used although it has expired, by the user's own word. */
  readonly checkValidUntil?: false;
}

/** What makes a source another one, for cache keys: all but the place of its keyring. */
export function sourceIdentity({ keyring, ...source }: AptSource): Omit<AptSource, "keyring"> {
  return source;
}

/** `name_version_arch`, unique within a set and stable for cache keys. */
export function packageId(ref: Pick<PackageRef, "name" | "version" | "architecture">): string {
  return `${ref.name}_${ref.version}_${ref.architecture}`;
}
