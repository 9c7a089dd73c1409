import { expect, it } from "vitest";
import { packageId } from "./package.ts";

it("names a package by name, version and architecture", () => {
  expect(packageId({ name: "libc6", version: "1:2.36-9+deb12u4", architecture: "amd64" })).toBe(
    "libc6_1:2.36-9+deb12u4_amd64",
  );
});
