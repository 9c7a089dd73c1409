import { parseDeb822 } from "./deb822.ts";

/** A package as a manifest has it: a line `NAME VERSION ARCHITECTURE`. */
export interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** What another set of packages has more, less, and in another version. */
export interface PackageDiff {
  readonly added: readonly ListedPackage[];
  readonly removed: readonly ListedPackage[];
  readonly changed: readonly { name: string; architecture: string; from: string; to: string }[];
}

/** Reads a manifest's lines. @returns undefined when this is no manifest */
export function parseManifest(text: string): ListedPackage[] | undefined {
  const lines = text.split("\n").filter((line) => line !== "");
  const packages = lines.map((line) => /^([a-z0-9][a-z0-9+.-]*) (\S+) ([a-z0-9-]+)$/.exec(line));
  if (packages.length === 0 || packages.includes(null)) return undefined;
  return packages.map((match) => {
    const [, name = "", version = "", architecture = ""] = match ?? [];
    return { name, version, architecture };
  });
}

/** Reads the installed packages of dpkg's own list. */
export function parseStatus(text: string): ListedPackage[] {
  return parseDeb822(text).flatMap((stanza) => {
    const [name, version, architecture] = ["Package", "Version", "Architecture"].map(
      (field) => stanza.get(field) ?? "",
    );
    const isInstalled = / installed$/.test(stanza.get("Status") ?? "");
    return isInstalled && name && version && architecture ? [{ name, version, architecture }] : [];
  });
}

/** Compares two sets of packages; a package of another architecture is another one. */
export function diffPackages(before: readonly ListedPackage[], after: readonly ListedPackage[]): PackageDiff {
  const key = ({ name, architecture }: ListedPackage) => `${name} ${architecture}`;
  const old = new Map(before.map((one) => [key(one), one]));
  const now = new Map(after.map((one) => [key(one), one]));
  return {
    added: after.filter((one) => !old.has(key(one))),
    removed: before.filter((one) => !now.has(key(one))),
    changed: after.flatMap((one) => {
      const from = old.get(key(one))?.version;
      const { name, architecture, version: to } = one;
      return from === undefined || from === to ? [] : [{ name, architecture, from, to }];
    }),
  };
}
