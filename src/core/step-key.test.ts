import { describe, expect, it } from "vitest";
import { stepKey } from "./step-key.ts";

describe("stepKey", () => {
  it("is a SHA-256, and the same for the same content in whatever order", () => {
    const key = stepKey("tree", 1, { a: 1, b: { c: [1, 2], d: "x" } });
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(stepKey("tree", 1, { b: { d: "x", c: [1, 2] }, a: 1 })).toBe(key);
  });

  it("changes with the step, its version, and all that goes in", () => {
    const keys = [
      stepKey("tree", 1, { a: 1 }),
      stepKey("disk", 1, { a: 1 }),
      stepKey("tree", 2, { a: 1 }),
      stepKey("tree", 1, { a: "1" }),
      stepKey("tree", 1, { a: [1] }),
      stepKey("tree", 1, { a: null }),
      stepKey("tree", 1, { b: 1 }),
      stepKey("tree", 1, {}),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("minds the order of a list", () => {
    expect(stepKey("tree", 1, ["a", "b"])).not.toBe(stepKey("tree", 1, ["b", "a"]));
  });

  it("has not changed by accident: caches in the field would be lost", () => {
    expect(stepKey("tree", 1, { b: [1, "x"], a: null })).toBe(
      "56e9204a4991cf8302fb8c574a86897c9964034726ea4c11cc067f7da85ed1b2",
    );
  });
});
