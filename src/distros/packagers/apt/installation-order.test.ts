import { describe, expect, it } from "vitest";
import type { PackageRef } from "../../../model/package.ts";
import { regroup, sortPackages } from "./installation-order.ts";

function ref(name: string, fields: Partial<PackageRef> = {}): PackageRef {
  const depends = [fields.preDepends, fields.depends].filter((field) => field !== undefined).join(", ");
  return {
    name,
    version: "1",
    architecture: "amd64",
    url: `file:///${name}.deb`,
    sha256: "",
    sizeBytes: 1,
    priority: "optional",
    essential: false,
    preDepends: "",
    isLibrary: false,
    provides: "",
    installedSizeBytes: 1,
    ...fields,
    depends,
  };
}

const KINDS = {
  isRequired: ({ priority }: PackageRef) => priority === "required",
  isKernel: ({ name }: PackageRef) => /^linux-image-\d/.test(name),
};
const KERNEL = [
  ref("linux-image-6", { preDepends: "linux-base (>= 4.12~)", depends: "kmod", sizeBytes: 9 }),
  ref("linux-image", { depends: "linux-image-6" }),
  ref("linux-base", { depends: "debconf" }),
  ref("kmod"),
];
const BASE = [ref("dpkg", { priority: "required" }), ref("debconf", { priority: "required" })];

function namesOf({ required, groups, kernels }: ReturnType<typeof sortPackages>) {
  const names = (refs: readonly PackageRef[]) => refs.map(({ name }) => name);
  return { required: names(required), groups: groups.map(names), kernels: names(kernels) };
}

describe("sortPackages", () => {
  it("lets kernels come beside the first group, and what they pre-depend on before", () => {
    expect(namesOf(sortPackages([...BASE, ...KERNEL], KINDS))).toEqual({
      required: ["dpkg", "debconf", "linux-base"],
      groups: [["kmod"]],
      kernels: ["linux-image-6", "linux-image"],
    });
  });

  it("configures a kernel's pre-dependencies before the kernel in a tree that has the required packages", () => {
    expect(namesOf(sortPackages(KERNEL, KINDS))).toEqual({
      required: [],
      groups: [
        ["linux-base", "kmod"],
        ["linux-image-6", "linux-image"],
      ],
      kernels: [],
    });
  });

  it("keeps a kernel beside the others in a grown tree when it pre-depends on nothing new", () => {
    const kernel = KERNEL.filter(({ name }) => name !== "linux-base");
    expect(namesOf(sortPackages(kernel, KINDS))).toEqual({
      required: [],
      groups: [["kmod"]],
      kernels: ["linux-image-6", "linux-image"],
    });
  });

  it("has one empty group for no packages", () => {
    expect(namesOf(sortPackages([], KINDS))).toEqual({ required: [], groups: [[]], kernels: [] });
  });
});

describe("regroup", () => {
  const order = sortPackages(
    [
      ...BASE,
      ref("minimal"),
      ref("python", { preDepends: "minimal" }),
      ref("yaml", { depends: "python" }),
      ref("sysv", { preDepends: "minimal" }),
      ref("init", { preDepends: "sysv" }),
    ],
    KINDS,
  );
  const groupsWith = (...scripts: string[]) =>
    Object.fromEntries([...regroup(order, ({ name }) => scripts.includes(name))].map(([{ name }, i]) => [name, i]));

  it("keeps packages without a preinst in the first group, but for those that depend on later ones", () => {
    expect(groupsWith("python")).toEqual({ minimal: 0, python: 1, yaml: 1, sysv: 0, init: 0 });
    expect(groupsWith()).toEqual({ minimal: 0, python: 0, yaml: 0, sysv: 0, init: 0 });
  });

  it("changes nothing when all that pre-depend have one", () => {
    expect(groupsWith("python", "sysv", "init")).toEqual({ minimal: 0, python: 1, yaml: 1, sysv: 1, init: 2 });
  });
});
