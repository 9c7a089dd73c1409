import type { Hypervisor } from "../core/hypervisor.ts";
import { hyperv } from "./hyper-v.ts";
import { kvm } from "./kvm.ts";
import { libvirtDomain } from "./libvirt.ts";
import { OVA } from "./ova.ts";
import { VAGRANT } from "./vagrant.ts";
import { virtualbox } from "./virtualbox.ts";
import { VMWARE } from "./vmware.ts";
import { xen } from "./xen.ts";

/** All hypervisors; command line choices and documentation derive from this list. */
export const HYPERVISORS: readonly Hypervisor[] = [
  kvm,
  { ...kvm, name: "qemu", title: "QEMU" },
  libvirtDomain,
  ...VMWARE,
  virtualbox,
  hyperv,
  xen,
  ...OVA,
  ...VAGRANT,
];
