import type { SystemIds } from "../../core/hypervisor.ts";
import type { Suite } from "./suites.ts";

/** The newest release that released versions of VMware know by name. */
const NEWEST_FOR_VMWARE = 12;

/** What hypervisors call a release of Debian. */
export function systemIds({ codename, version }: Suite): SystemIds {
  return {
    libosinfo: `http://debian.org/debian/${Number.isFinite(version) ? version : codename}`,
    vmware: `debian${Math.min(version, NEWEST_FOR_VMWARE)}-64`,
    virtualbox: "Debian_64",
    cim: 96, // "Debian 64-Bit"
  };
}
