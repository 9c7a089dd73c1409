import { describe, expect, it } from "vitest";
import { findStanza, indexList, namesWith, paragraphAt, withField } from "./package-lists.ts";

const TEXT = `
Package: one
Version: 1
Architecture: all
Provides: y,
 z (= 2)
Essential: yes


Version: 2
Auto-Package: x
Package: two
Architecture: amd64
Description: has no
 Provides: anything

Package: one
Version: 3
Architecture: amd64
Priority: required`;
const list = indexList("main_Packages", Buffer.from(TEXT));

describe("a package list", () => {
  it("has a package's paragraphs in their order, wherever the name stands", () => {
    expect([...list.offsets.keys()]).toEqual(["one", "two"]);
    const paragraphs = list.offsets.get("one")?.map((start) => String(paragraphAt(list, start)));
    expect(paragraphs?.map((text) => text.split("\n")[1])).toEqual(["Version: 1", "Version: 3"]);
    expect(paragraphs?.[1]?.endsWith("Priority: required")).toBe(true);
  });

  it("is empty when its file is", () => {
    expect(indexList("updates_Packages", Buffer.alloc(0)).offsets.size).toBe(0);
    expect(indexList("updates_Packages", Buffer.from("\n\n")).offsets.size).toBe(0);
  });

  it("tells who has a field, with all lines of its value", () => {
    expect([...withField(list, "Provides")]).toEqual([{ name: "one", value: "y,\n z (= 2)" }]);
    expect([...withField(list, "Package")].map(({ name }) => name)).toEqual(["one", "two", "one"]);
  });

  it("tells who has a value in a field", () => {
    expect(namesWith(list, "Essential", "yes")).toEqual(["one"]);
    expect(namesWith(list, "Essential", "ye")).toEqual([]);
  });

  it("finds the very version, of its architecture", () => {
    const found = (version: string, architecture: string) =>
      findStanza([list], { name: "one", version, architecture })?.get("Priority");
    expect(found("3", "amd64")).toBe("required");
    expect(found("3", "all")).toBeUndefined();
    expect(findStanza([list], { name: "none", version: "3", architecture: "amd64" })).toBeUndefined();
  });
});
