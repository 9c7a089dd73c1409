import { describe, expect, it } from "vitest";
import { parseRange } from "./download.ts";

describe("parseRange", () => {
  it.each([
    ["bytes=0-9", [0, 9]],
    ["bytes=5-", [5, 99]],
    ["bytes=-10", [90, 99]],
    ["bytes=-1000", [0, 99]],
    ["bytes=90-1000", [90, 99]],
    ["bytes=99-99", [99, 99]],
    ["bytes=100-", "impossible"],
    ["bytes=-0", "impossible"],
    // What is malformed counts as none, RFC 9110 section 14.2.
    ["bytes=9-5", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,5-6", undefined],
    ["bytes=a-b", undefined],
    ["items=0-1", undefined],
    [null, undefined],
  ])("%s of 100 bytes", (header, expected) => expect(parseRange(header, 100)).toEqual(expected));

  it("has no range of nothing", () => expect(parseRange("bytes=-5", 0)).toBe("impossible"));
});
