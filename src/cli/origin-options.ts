import type { BuildOption } from "./build-option.ts";

/** Options of `vmbuilder build` that say what a recipe stands on. */
export const originOptions = [
  {
    key: "profile",
    kind: "text",
    argument: "NAME",
    group: "General",
    help: "saved options that hold where nothing else does",
  },
  {
    key: "var",
    kind: "files",
    argument: "NAME=VALUE",
    group: "General",
    help: "variable of the recipe; may be repeated",
  },
  {
    key: "matrix",
    kind: "files",
    argument: "KEY=A,B",
    group: "General",
    help: "a machine for each value; may be repeated, and each combination is built",
  },
  {
    key: "user-config",
    kind: "text",
    argument: "FILE",
    group: "General",
    help: "the user's configuration, a recipe that all builds begin with; none: without it",
    standard: "~/.config/vmbuilder/config.yaml",
  },
  {
    key: "system-config",
    kind: "text",
    argument: "FILE",
    group: "General",
    help: "the host's configuration, beneath the user's; none: without it",
    standard: "/etc/vmbuilder/config.yaml",
  },
] as const satisfies readonly BuildOption[];
