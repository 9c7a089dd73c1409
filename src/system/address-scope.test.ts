import { describe, expect, it } from "vitest";
import { isInwards, scopeOf } from "./address-scope.ts";

describe("scopeOf", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["127.9.9.9", "loopback"],
    ["0.0.0.0", "loopback"],
    ["::1", "loopback"],
    ["[::1]", "loopback"],
    ["::", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["64:ff9b::7f00:1", "loopback"],
    ["169.254.169.254", "link"],
    ["fe80::1%eth0", "link"],
    ["239.1.1.1", "link"],
    ["10.0.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["fd00::1", "private"],
    ["::ffff:10.0.0.1", "private"],
    ["172.32.0.1", "public"],
    ["203.0.113.1", "public"],
    ["2001:db8::1", "public"],
    ["mirror.example.org", undefined],
  ])("%s: %s", (address, scope) => {
    expect(scopeOf(address)).toBe(scope);
  });
});

it("a step inwards is one to what reaches less far", () => {
  expect(isInwards("public", "private")).toBe(true);
  expect(isInwards("private", "loopback")).toBe(true);
  expect(isInwards("private", "link")).toBe(true);
  expect(isInwards("private", "private")).toBe(false);
  expect(isInwards("loopback", "public")).toBe(false);
});
