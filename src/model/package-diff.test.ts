import { expect, it } from "vitest";
import { diffPackages, parseManifest } from "./package-diff.ts";

it("tells what was added, removed and changed", () => {
  const before = parseManifest("apt 2.6 amd64\nbash 5.2 amd64\nlibc6 2.36 amd64\n") ?? [];
  const after = parseManifest("apt 3.0 amd64\nlibc6 2.36 amd64\nlibc6 2.36 i386\n") ?? [];
  expect(diffPackages(before, after)).toEqual({
    added: [{ name: "libc6", version: "2.36", architecture: "i386" }],
    removed: [{ name: "bash", version: "5.2", architecture: "amd64" }],
    changed: [{ name: "apt", architecture: "amd64", from: "2.6", to: "3.0" }],
  });
});

it.each(["", "{}", "apt 2.6\n", "Apt 2.6 amd64\n"])("takes %j for no manifest", (text) => {
  expect(parseManifest(text)).toBeUndefined();
});
