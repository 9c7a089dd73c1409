import { describe, expect, it } from "vitest";
import { parseSubordinateIds } from "./namespace.ts";

describe("parseSubordinateIds", () => {
  it("reads names and numbers, and passes over all else", () => {
    const text = "# comment\nann:100000:65536\n1001:165536:65536\n\nbroken\nx:y:z\nbob:1:2:3\n:1:2\nlate:231072:10 \n";
    expect(parseSubordinateIds(text)).toEqual([
      { owner: "ann", start: 100_000, count: 65_536 },
      { owner: "1001", start: 165_536, count: 65_536 },
      { owner: "late", start: 231_072, count: 10 },
    ]);
  });

  it("makes nothing of nothing", () => {
    expect(parseSubordinateIds("")).toEqual([]);
  });
});
