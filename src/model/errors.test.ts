import { describe, expect, it } from "vitest";
import { ERROR_TABLE, VmbuilderError } from "./errors.ts";

describe("the error table", () => {
  it.each(Object.entries(ERROR_TABLE))("%s has statuses that say failure", (_code, { exitStatus, httpStatus }) => {
    expect([1, 2, 130]).toContain(exitStatus);
    expect(httpStatus).toBeGreaterThanOrEqual(400);
    expect(httpStatus).toBeLessThan(600);
  });

  it("blames the caller for wrong input, in both interfaces", () => {
    const wrongInput = Object.values(ERROR_TABLE).filter(({ exitStatus }) => exitStatus === 2);
    for (const { httpStatus } of wrongInput) expect(httpStatus).toBeLessThan(500);
  });
});

describe("VmbuilderError", () => {
  it("carries code, exit status, hint and cause", () => {
    const cause = new Error("below");
    const error = new VmbuilderError("interrupted", "stopped", { hint: "go on", cause });
    expect(error).toMatchObject({ code: "interrupted", exitStatus: 130, message: "stopped", hint: "go on", cause });
    expect(error.stack).toContain("errors.test.ts");
  });

  it("names no login of an address", () => {
    const address = "http://joe:geheim@mirror.example.org/debian";
    const error = new VmbuilderError("mirror-unreachable", `${address}: refused`, { detail: `W: ${address} timeout` });
    expect(error.message).toBe("http://(set)@mirror.example.org/debian: refused");
    expect(error.detail).toBe("W: http://(set)@mirror.example.org/debian timeout");
    expect(error.stack).not.toContain("geheim");
  });

  it("has no cause when none was given", () => {
    expect("cause" in new VmbuilderError("usage", "x")).toBe(false);
  });
});
