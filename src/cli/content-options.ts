import type { BuildOption } from "./build-option.ts";

/** Options of `vmbuilder build` that bring scripts, files and answers into a machine. */
export const contentOptions = [
  {
    key: "exec",
    kind: "files",
    argument: "FILE",
    daily: true,
    group: "System",
    help: "script to run in the new system, as root",
  },
  { key: "exec-network", kind: "switch", group: "System", help: "give these scripts the host's network" },
  {
    key: "copy",
    kind: "files",
    argument: "FILE",
    daily: true,
    group: "System",
    help: "list of files: SOURCE DEST [MODE [OWNER]] lines",
  },
  {
    key: "firstboot",
    kind: "files",
    argument: "FILE",
    daily: true,
    group: "System",
    help: "script for the first boot, before any login",
  },
  {
    key: "firstlogin",
    kind: "files",
    argument: "FILE",
    group: "System",
    help: "interactive script for the first login",
  },
  { key: "seedfile", kind: "text", argument: "FILE", group: "System", help: "answers for debconf" },
  {
    key: "cloud-init",
    kind: "text",
    argument: "FILE",
    group: "System",
    help: "file with user data for cloud-init, which is then installed",
  },
  {
    key: "cloud-init-meta-data",
    kind: "text",
    argument: "FILE",
    group: "System",
    help: "cloud-init's meta data",
  },
  {
    key: "cloud-init-network-config",
    kind: "text",
    argument: "FILE",
    group: "System",
    help: "cloud-init's network configuration, in place of ours",
  },
] as const satisfies readonly BuildOption[];
