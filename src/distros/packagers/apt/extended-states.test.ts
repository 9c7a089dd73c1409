import { expect, it } from "vitest";
import type { Lock, PackageRef } from "../../../model/package.ts";
import { extendedStates } from "./extended-states.ts";

it("lists what was installed only for others, by name, under the machine's own architecture", () => {
  const ref = (name: string, architecture: string) => ({ name, architecture }) as PackageRef;
  const lock: Lock = {
    packages: [ref("zlib", "amd64"), ref("asked", "amd64"), ref("data", "all")],
    manual: ["asked"],
    sources: [],
  };
  expect(extendedStates(lock, "amd64")).toBe(
    "Package: data\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: zlib\nArchitecture: amd64\nAuto-Installed: 1\n",
  );
  expect(extendedStates({ ...lock, manual: ["zlib", "asked", "data"] }, "amd64")).toBe("");
});
