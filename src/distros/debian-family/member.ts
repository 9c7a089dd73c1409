import type { Distro } from "../../core/distro.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { NetworkPlan } from "../../model/network.ts";
import type { TarItem } from "../../system/tar-writer.ts";
import type { FindSources } from "../packagers/apt/resolve.ts";

/** What tells one distribution of Debian's family from another. */
export interface FamilyMember
  extends Pick<
    Distro,
    | "name"
    | "title"
    | "hostFiles"
    | "treeVersion"
    | "resolveSuite"
    | "listSuites"
    | "findUpgradeWay"
    | "readsChecksumSeeds"
    | "systemIds"
    | "requestPackages"
    | "settingScripts"
  > {
  /** What boot menus call it, and the class that their themes know it by. */
  readonly menu: { readonly title: string; readonly classes: readonly string[] };
  /** Its archive's keys in the guest. */
  readonly keyring: string;
  /** Loads what finds its archive; a clone needs none of it. */
  loadFindSources(): Promise<FindSources>;
  /** Names of kernels, and of what is large and needed by kernels alone. */
  readonly kernelPackages: RegExp;
  /** Files beside those that the whole family gets, before any package is configured. */
  readonly settings: readonly TarItem[];
  /** What writes the network's settings where cloud-init is told them. */
  readonly cloudRenderer: "networkd" | "netplan";
  /** Settings of one machine's network, where it isn't left to DHCP alone. Pure. */
  networkEdits(network: NetworkPlan): FileEdit[];
}
