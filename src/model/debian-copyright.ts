import { parseDeb822, type Stanza } from "./deb822.ts";

/** Identifiers of the SPDX licence list by the short names that copyright files use, in small letters. */
const IDENTIFIERS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...[
      "0BSD",
      "Apache-1.0",
      "Apache-1.1",
      "Apache-2.0",
      "Artistic-2.0",
      "BSD-2-Clause",
      "BSD-3-Clause",
      "BSD-4-Clause",
    ],
    ...["BSL-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "CDDL-1.0", "curl", "EPL-1.0"],
    ...["FSFAP", "FSFUL", "FSFULLR", "ICU", "ISC", "MIT", "MIT-0", "MPL-1.1", "MPL-2.0", "NCSA", "OFL-1.1", "OpenSSL"],
    ...["PSF-2.0", "Unicode-3.0", "Unlicense", "WTFPL", "X11", "Zlib"],
  ].map((id) => [id.toLowerCase(), id]),
);

const OTHER_NAMES: Readonly<Record<string, string>> = {
  "cc0": "CC0-1.0",
  "expat": "MIT",
  "apache-2": "Apache-2.0",
  "mpl-2": "MPL-2.0",
  "bsd-2-clauses": "BSD-2-Clause",
  "bsd-3-clauses": "BSD-3-Clause",
  "psf-2": "PSF-2.0",
};

/** Families of licences whose names end with a version, and a plus for all later ones. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  GPL: ["1.0", "2.0", "3.0"],
  LGPL: ["2.0", "2.1", "3.0"],
  AGPL: ["3.0"],
  GFDL: ["1.1", "1.2", "1.3"],
};

/** The licences of a package, as a copyright file in machine-readable form declares them. */
export interface DeclaredLicences {
  /** An SPDX licence expression. */
  readonly expression: string;
  /** References in it to licences that aren't on SPDX's list, with the names that the file gives them. */
  readonly references: ReadonlyMap<string, string>;
}

/**
 * Reads the licences of all files of a package. What SPDX's list doesn't have, or names with more detail than the file
 * does, becomes a reference.
 *
 * @returns undefined for a file that isn't machine-readable
 * @see https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
 */
export function declaredLicences(copyright: string): DeclaredLicences | undefined {
  const [head, ...paragraphs] = parseDeb822(copyright);
  if (!head || !/copyright-format\/1\.0/.test(fieldOf(head, "format"))) return undefined;
  const files = paragraphs.filter((stanza) => fieldOf(stanza, "files") !== "");
  const names = files.map((stanza) => fieldOf(stanza, "license").split("\n")[0]?.trim() ?? "");
  const references = new Map<string, string>();
  const parts = new Set(names.flatMap((name) => (name === "" ? [] : conjunctsOf(name, references))));
  if (parts.size === 0) return undefined;
  const [only = "", ...more] = [...parts].sort();
  return { expression: more.length === 0 ? only : [only, ...more].map(grouped).join(" AND "), references };
}

function fieldOf(stanza: Stanza, name: string): string {
  for (const [field, value] of stanza) if (field.toLowerCase() === name) return value.trim();
  return "";
}

/**
 * What holds all together of a name such as `GPL-2+ or Expat, and ISC`: "and" binds closer than "or", unless a comma stands
 * before it.
 */
function conjunctsOf(name: string, references: Map<string, string>): string[] {
  return name.split(/,\s*and\s+/i).flatMap((group) => {
    const choices = group.split(/,?\s+or\s+|\s*\|\s*/i).map((choice) => {
      return choice.split(/\s+and\s+/i).map((atom) => identifierOf(atom.replace(/[,\s]+$/, "").trim(), references));
    });
    return choices.length === 1 ? choices.flat() : [choices.map((all) => all.join(" AND ")).join(" OR ")];
  });
}

function grouped(expression: string): string {
  return expression.includes(" OR ") ? `(${expression})` : expression;
}

function identifierOf(name: string, references: Map<string, string>): string {
  const known = OTHER_NAMES[name.toLowerCase()] ?? IDENTIFIERS[name.toLowerCase()] ?? versioned(name);
  if (known !== undefined) return known;
  const reference = `LicenseRef-${
    name
      .replaceAll("+", "-or-later")
      .replaceAll(/[^A-Za-z0-9.]+/g, "-")
      .replace(/^-+|-+$/g, "") || "unnamed"
  }`;
  references.set(reference, name);
  return reference;
}

function versioned(name: string): string | undefined {
  const [, family = "", number = "", plus] =
    /^(L?GPL|AGPL|GFDL)-(\d(?:\.\d)?)(\+|-or-later)?(?:-only)?$/i.exec(name) ?? [];
  const version = number.includes(".") ? number : `${number}.0`;
  const exists = VERSIONS[family.toUpperCase()]?.includes(version) ?? false;
  return exists ? `${family.toUpperCase()}-${version}-${plus ? "or-later" : "only"}` : undefined;
}
