import { describe, expect, it } from "vitest";
import { type DependencyNode, dependencyClosure, dependentsClosure, parseDependencies } from "./dependency.ts";

const node = (name: string, depends = "", provides = ""): DependencyNode => ({ name, depends, provides });
const names = (nodes: Iterable<DependencyNode>) => [...nodes].map(({ name }) => name).sort();

describe("parseDependencies", () => {
  it.each([
    ["", []],
    ["a", [["a"]]],
    ["a | b, c (>= 1)", [["a", "b"], ["c"]]],
    ["libc6 (>= 2.36), libstdc++6:any, g++-12 [amd64] <!nocheck>", [["libc6"], ["libstdc++6"], ["g++-12"]]],
    ["a,\n b ,, |c", [["a"], ["b"], ["c"]]],
  ])("%j", (field, groups) => {
    expect(parseDependencies(field)).toEqual(groups);
  });
});

describe("dependencyClosure", () => {
  const set = [
    node("editor", "libc, awk | perl"),
    node("libc", "loader"),
    node("loader", "libc"), // a circle, as in Debian's own
    node("mawk", "", "awk (= 1.3)"),
    node("unrelated"),
  ];

  it("follows dependencies, circles and provided names, and passes over what isn't in the set", () => {
    expect(names(dependencyClosure([set[0]!], set))).toEqual(["editor", "libc", "loader", "mawk"]);
  });

  it("is closed: its own closure is itself", () => {
    const closure = dependencyClosure([set[1]!], set);
    expect(names(dependencyClosure(closure, set))).toEqual(names(closure));
  });

  it("of nothing is nothing", () => {
    expect(dependencyClosure([], set).size).toBe(0);
  });
});

describe("dependentsClosure", () => {
  it("finds what needs the targets, however far, whatever the order", () => {
    const set = [node("top", "middle"), node("middle", "target"), node("target"), node("other", "libc")];
    expect(names(dependentsClosure([set[2]!], set))).toEqual(["middle", "target", "top"]);
  });
});
