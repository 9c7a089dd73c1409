import type { BuildOption } from "./build-option.ts";

/** Options of `vmbuilder build` that say where a machine goes, and what is told of it. */
export const outputOptions = [
  {
    key: "dest",
    letter: "d",
    kind: "text",
    argument: "DIR",
    group: "Output",
    help: "result",
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
  { key: "overwrite", letter: "o", kind: "switch", group: "Output", help: "replace DIR if vmbuilder made it" },
  { key: "update-lock", kind: "switch", group: "Output", help: "renew the recipe's lock; or --no-lock: ignore it" },
  { key: "no-lock", kind: "switch", group: "Output", helpIn: "update-lock", help: "build without the recipe's lock" },
  { key: "cache-dir", kind: "text", argument: "DIR", group: "Output", help: "cache", standard: "~/.cache/vmbuilder" },
  { key: "json", kind: "switch", group: "Output", help: "events and result as lines of JSON" },
  { key: "quiet", letter: "q", kind: "switch", group: "Output", help: "only warnings and errors" },
  { key: "verbose", letter: "v", kind: "switch", group: "Output", help: "also what the programs say" },
] as const satisfies readonly BuildOption[];
