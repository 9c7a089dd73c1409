import { describe, expect, it } from "vitest";
import { nearestName } from "./nearest-name.ts";

describe("nearestName", () => {
  const names = ["hostname", "rootsize", "rootpass", "user", "mem"];

  it.each([
    ["hostnmae", "hostname"],
    ["HostName", "hostname"],
    ["root-size", "rootsize"],
    ["users", "user"],
    ["men", "mem"],
    ["rootpas", "rootpass"],
  ])("%s was probably %s", (wrong, meant) => {
    expect(nearestName(wrong, names)).toBe(meant);
  });

  it.each(["", "zzz", "colour", "x".repeat(1000)])("%j is near nothing", (wrong) => {
    expect(nearestName(wrong, names)).toBeUndefined();
  });

  it("takes the first of equals", () => {
    expect(nearestName("bat", ["cat", "hat"])).toBe("cat");
  });
});
