import { expect, it } from "vitest";
import { guestTestSchema, probeOf } from "../model/guest-test.ts";
import { judgeInTime } from "./guest-tests.ts";

const judge = (expression: string, stdout: string) => {
  const probe = probeOf(guestTestSchema.parse({ "command": "x", "stdout-matches": expression }));
  return probe && judgeInTime(probe, { status: 0, stdout, stderr: "" });
};

it("gives up on a regular expression that would take for ever", () => {
  expect(judge("^(a+)+$", "a".repeat(9))).toBeUndefined();
  expect(judge("^(a+)+$", "b")).toContain("doesn't match");
  expect(judge("^(a+)+$", `${"a".repeat(60)}!`)).toContain("too slow");
});
