import { describe, expect, it } from "vitest";
import { isGuestPath } from "./file-edit.ts";

describe("isGuestPath", () => {
  it.each(["/etc/hosts", "/a", "/home/ann/.ssh/authorized_keys", "/etc/name with space", "/ü", "/...", "/a..b"])(
    "takes %j",
    (path) => {
      expect(isGuestPath(path)).toBe(true);
    },
  );

  it.each([
    "",
    "/",
    "etc/hosts",
    "/etc/",
    "//etc",
    "/etc//hosts",
    "/../etc",
    "/etc/..",
    "/./etc",
    "/a\nb",
    "/a\0b",
    '/a"b',
    "/a\u0085b",
    "\n/a",
  ])("refuses %j", (path) => {
    expect(isGuestPath(path)).toBe(false);
  });
});
