import type { BuildOption } from "./build-option.ts";

/** Options of `vmbuilder build` that hand data to cloud-init. */
export const cloudInitOptions = [
  {
    key: "cloud-init",
    kind: "text",
    argument: "FILE",
    group: "System",
    help: "user data for cloud-init; also --cloud-init-meta-data, --cloud-init-network-config",
  },
  {
    key: "cloud-init-meta-data",
    kind: "text",
    argument: "FILE",
    group: "System",
    helpIn: "cloud-init",
    help: "cloud-init's meta data",
  },
  {
    key: "cloud-init-network-config",
    kind: "text",
    argument: "FILE",
    group: "System",
    helpIn: "cloud-init",
    help: "cloud-init's network configuration, in place of ours",
  },
] as const satisfies readonly BuildOption[];
