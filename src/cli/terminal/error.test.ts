import { describe, expect, it } from "vitest";
import { VmbuilderError } from "../../model/errors.ts";
import { formatError } from "./error.ts";

const PLAIN = { color: false, verbose: false };

describe("formatError", () => {
  it("writes message, code, what the script said, and the hint", () => {
    const error = new VmbuilderError("script-failed", "postinst of x failed\nwith status 1", {
      detail: "one\n\x1b]0;title\x07two\n",
      hint: "leave it out",
    });
    expect(formatError(error, PLAIN)).toBe(
      "vmbuilder: error: postinst of x failed with status 1 [script-failed]\n  | one\n  | \\x1b]0;title\\x07two\n  hint: leave it out\n",
    );
  });

  it("shortens a long detail, unless verbose", () => {
    const detail = Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n");
    const error = new VmbuilderError("script-failed", "m", { detail });
    expect(formatError(error, PLAIN)).toContain("(10 earlier lines: see them with -v)");
    expect(formatError(error, PLAIN)).not.toContain("line 9\n");
    expect(formatError(error, { color: false, verbose: true })).toContain("line 0\n");
  });

  it("keeps the stack of an unknown error, and its cause", () => {
    const text = formatError(new TypeError("x is undefined", { cause: new Error("why") }), PLAIN);
    expect(text).toContain("vmbuilder: error: TypeError: x is undefined\n    at ");
    expect(text).toContain("caused by: Error: why");
  });

  it("shows causes of a known error only when verbose", () => {
    const error = new VmbuilderError("disk-full", "m", { cause: new Error("ENOSPC") });
    expect(formatError(error, PLAIN)).not.toContain("ENOSPC");
    expect(formatError(error, { color: false, verbose: true })).toContain("caused by: Error: ENOSPC");
  });
});
