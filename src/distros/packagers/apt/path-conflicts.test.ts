import { describe, expect, it } from "vitest";
import type { UnpackedPackage } from "./dpkg-database.ts";
import { findConflicting } from "./path-conflicts.ts";

function unpacked(
  name: string,
  files: readonly string[],
  directories: readonly string[] = ["/.", "/usr"],
): UnpackedPackage {
  const control = new Map([["Package", name]]);
  return {
    deb: { path: "", layout: {} as UnpackedPackage["deb"]["layout"], control, files: new Map() },
    paths: [...directories, ...files],
    directories: new Set(directories),
    conffileMd5: new Map(),
  };
}
function conflicting(
  packages: readonly UnpackedPackage[],
  present: Record<string, string> = {},
  diversions = "",
): string[] {
  const found = findConflicting(packages, { present: new Map(Object.entries(present)), diversions });
  return [...found].map(({ deb }) => String(deb.control.get("Package"))).sort();
}

describe("findConflicting", () => {
  const a = unpacked("a", ["/usr/a", "/usr/both"]);
  const b = unpacked("b", ["/usr/b", "/usr/both"]);
  const c = unpacked("c", ["/usr/c"]);

  it("finds both of two that ship one file, and no third", () => {
    expect(conflicting([a, b, c])).toEqual(["a", "b"]);
  });

  it("doesn't mind shared folders", () => {
    expect(conflicting([a, c])).toEqual([]);
  });

  it("finds who ships what another brought before, not what it brought itself", () => {
    expect(conflicting([a, c], { "/usr/a": "old", "/usr/c": "c" })).toEqual(["a"]);
  });

  it("finds who ships a diverted path, except the diverter", () => {
    expect(conflicting([a, c], {}, "/usr/a\n/usr/a.real\nother\n/usr/c\n/usr/c.real\nc\n")).toEqual(["a"]);
  });

  it("finds all of three", () => {
    expect(conflicting([a, b, unpacked("d", ["/usr/both"])])).toEqual(["a", "b", "d"]);
  });
});
