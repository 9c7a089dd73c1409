import type { BuildOption } from "./build-option.ts";

/** Options of `vmbuilder build` that say where a machine goes, and what is told of it. */
export const outputOptions = [
  {
    key: "dest",
    letter: "d",
    kind: "text",
    argument: "DIR",
    daily: true,
    group: "Output",
    help: "folder of the result",
    standard: "HOSTNAME-SUITE-ARCH-vm",
  },
  {
    key: "libvirt",
    kind: "text",
    argument: "URI",
    group: "Output",
    help: "define it in libvirt, such as qemu:///system or qemu+ssh://HOST/system",
  },
  {
    key: "libvirt-pool",
    kind: "text",
    argument: "NAME",
    group: "Output",
    help: "storage pool of a libvirt elsewhere",
    standard: "default",
  },
  {
    key: "sbom",
    kind: "list",
    argument: "FORM,...",
    group: "Output",
    help: "list what is installed: spdx, cyclonedx",
  },
  {
    key: "overwrite",
    letter: "o",
    kind: "switch",
    daily: true,
    group: "Output",
    help: "replace DIR if vmbuilder made it",
  },
  { key: "update-lock", kind: "switch", group: "Output", help: "choose the packages anew and write the recipe's lock" },
  { key: "no-lock", kind: "switch", group: "Output", help: "build as if the recipe had no lock" },
  {
    key: "cache-dir",
    kind: "text",
    argument: "DIR",
    group: "Output",
    help: "folder of the cache",
    standard: "~/.cache/vmbuilder",
  },
  { key: "json", kind: "switch", daily: true, group: "Output", help: "events and result as lines of JSON" },
  { key: "quiet", letter: "q", kind: "switch", daily: true, group: "Output", help: "only warnings and errors" },
  { key: "verbose", letter: "v", kind: "switch", daily: true, group: "Output", help: "also what the programs say" },
] as const satisfies readonly BuildOption[];
