import { expect, it } from "vitest";
import { dependenciesWithin, packageUrl, parseMaintainer } from "./sbom.ts";

it("a package has an address that scanners know", () => {
  const url = packageUrl({ name: "libstdc++6", version: "1:14.2~rc+1-2", architecture: "amd64" }, "debian", "trixie");
  expect(url).toBe("pkg:deb/debian/libstdc%2B%2B6@1:14.2~rc%2B1-2?arch=amd64&distro=trixie");
});

it.each([
  ["Ann Example <ann@example.org>", { name: "Ann Example", email: "ann@example.org", isOrganization: false }],
  ["Debian Kernel Team <k@example.org>", { name: "Debian Kernel Team", email: "k@example.org", isOrganization: true }],
  ["Nobody", { name: "Nobody", isOrganization: false }],
  ["", undefined],
])("a maintainer is read from %j", (text, supplier) => expect(parseMaintainer(text)).toEqual(supplier));

it("dependencies are those that are installed, by name or by what they provide", () => {
  const node = (name: string, depends: string, provides = "") => ({ name, depends, provides });
  const [a, b, c] = [node("a", "mail | x, b (>= 2), gone"), node("b", "a"), node("c", "", "mail (= 1)")];
  expect(dependenciesWithin([a, b, c])).toEqual(
    new Map([
      [a, [c, b]],
      [b, [a]],
      [c, []],
    ]),
  );
});
