import type { DeclaredLicences } from "./debian-copyright.ts";
import { type DependencyNode, parseDependencies } from "./dependency.ts";
import type { PackageRef } from "./package.ts";

/** Forms in which the packages of a machine are listed for other programs. */
export const SBOM_FORMATS = ["spdx", "cyclonedx"] as const;
export type SbomFormat = (typeof SBOM_FORMATS)[number];

/** Names of their files in a result folder. */
export const SBOM_FILES: Readonly<Record<SbomFormat, string>> = {
  spdx: "sbom.spdx.json",
  cyclonedx: "sbom.cdx.json",
};

/** Who has made a package, as its field Maintainer says. */
export interface Supplier {
  readonly name: string;
  readonly email?: string;
  readonly isOrganization: boolean;
}

/** A package as a bill of materials has it. */
export interface SbomPackage {
  readonly ref: PackageRef;
  readonly purl: string;
  readonly supplier?: Supplier;
  readonly homepage?: string;
  readonly summary?: string;
  /** `name version` of the source package. */
  readonly source: string;
  readonly licences?: DeclaredLicences;
  /** Package URLs of what it depends on. */
  readonly dependsOn: readonly string[];
}

/** A machine's system and all that is installed in it. */
export interface Sbom {
  readonly hostname: string;
  readonly distro: string;
  readonly suite: string;
  readonly architecture: string;
  /** When the packages were chosen: the same for the same releases. */
  readonly createdMs: number;
  readonly uuid: string;
  readonly toolVersion: string;
  readonly packages: readonly SbomPackage[];
}

/**
 * The address of a package in a vocabulary that scanners share.
 *
 * @see https://github.com/package-url/purl-spec
 */
export function packageUrl(
  { name, version, architecture }: Pick<PackageRef, "name" | "version" | "architecture">,
  distro: string,
  suite: string,
): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll("%3A", ":");
  return `pkg:deb/${distro}/${encode(name)}@${encode(version)}?arch=${architecture}&distro=${encode(suite)}`;
}

/** Reads `Name <address>`. A name that speaks of several people is an organization's. */
export function parseMaintainer(text: string): Supplier | undefined {
  const [, name = "", email] = /^\s*"?([^"<]*?)"?\s*(?:<([^>]*)>)?\s*$/.exec(text.split("\n")[0] ?? "") ?? [];
  if (name === "") return undefined;
  const isOrganization = /\b(team|maintainers?|developers|group|packagers|project|debian|ubuntu)\b/i.test(name);
  return { name, ...(email ? { email } : {}), isOrganization };
}

/** For each package, what of the set it depends on: of alternatives those that are there, by name or as what they provide. */
export function dependenciesWithin<T extends DependencyNode>(set: readonly T[]): Map<T, T[]> {
  const providers = Map.groupBy(
    set.flatMap((node) => [node.name, ...parseDependencies(node.provides).flat()].map((name) => ({ name, node }))),
    ({ name }) => name,
  );
  return new Map(
    set.map((node) => {
      const names = parseDependencies(node.depends).flat();
      const found = new Set(names.flatMap((name) => (providers.get(name) ?? []).map((one) => one.node)));
      found.delete(node);
      return [node, [...found]];
    }),
  );
}
