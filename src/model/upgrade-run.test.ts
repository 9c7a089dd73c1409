import { describe, expect, it } from "vitest";
import { compareTests, upgradeFailure } from "./upgrade-run.ts";

const passed = (name: string) => ({ name, seconds: 1 });
const failed = (name: string) => ({ name, seconds: 1, failure: "no" });

describe("compareTests", () => {
  it("says of each test what became of it", () => {
    const before = [passed("a"), passed("b"), failed("c"), failed("d"), passed("same"), failed("same")];
    const after = [passed("a"), failed("b"), passed("c"), failed("d"), passed("same"), passed("same"), passed("later")];
    expect(compareTests(before, after).map(({ name, change }) => `${name} ${change}`)).toEqual([
      "a passes",
      "b broke",
      "c mended",
      "d fails",
      "same passes",
      "same mended",
      "later passes",
    ]);
  });

  it("says that none was run when it never came to that", () => {
    expect(compareTests([passed("a")], undefined)).toEqual([{ name: "a", before: passed("a"), change: "unrun" }]);
  });
});

describe("upgradeFailure", () => {
  const of = (before: { name: string; seconds: number; failure?: string }[], after = before) =>
    upgradeFailure({ tests: compareTests(before, after) });
  it("counts what failed", () => {
    expect(of([passed("a")])).toBeUndefined();
    expect(of([passed("a"), passed("b")], [passed("a"), failed("b")])).toBe(
      "1 of 2 tests failed, 1 of them only after the upgrade",
    );
    expect(of([failed("a")])).toBe("1 of 1 tests failed, before the upgrade already");
    expect(upgradeFailure({ failure: "the disk is full", tests: [] })).toBe("the disk is full");
  });
});
