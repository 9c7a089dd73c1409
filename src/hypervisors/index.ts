import type { Hypervisor } from "../core/hypervisor.ts";
import { kvm } from "./kvm.ts";

/** All hypervisors; command line choices and documentation derive from this list. */
export const HYPERVISORS: readonly Hypervisor[] = [kvm, { ...kvm, name: "qemu", title: "QEMU" }];
