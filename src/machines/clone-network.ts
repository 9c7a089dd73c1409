import { isIpv6 } from "../model/ip.ts";
import {
  assignMacs,
  mergeInterfaces,
  type NetworkPlan,
  type NetworkRecipe,
  planNetwork,
  SIMPLE_KEYS,
} from "../model/network.ts";
import type { InterfaceRecipe } from "../model/recipe.ts";

/** The network of a clone, and which of the source's fixed addresses it doesn't have. */
export interface CloneNetwork {
  readonly network: NetworkPlan;
  /** What stands in the clone's record, so that another clone can be made from it. */
  readonly recipe: NetworkRecipe;
  readonly left: readonly string[];
}

/** Addresses that a clone's first card shall have. */
export interface CloneAddresses {
  readonly ip?: string | undefined;
  readonly ip6?: string | undefined;
}

/**
 * A clone has its source's cards, with hardware addresses of their own. Fixed addresses belong to the source: their cards ask
 * DHCP and take what routers announce, except that the first gets what is given here, and keeps its mask and gateway then.
 *
 * @throws recipe-invalid when an address doesn't fit its mask or gateway
 */
export function cloneNetwork(source: NetworkRecipe, given: CloneAddresses, newMac: () => string): CloneNetwork {
  const before = mergeInterfaces(source);
  const interfaces = before.map((one, index) => cloneInterface(one, index === 0 ? given : {}));
  const simple = Object.fromEntries(SIMPLE_KEYS.map((key) => [key, undefined]));
  const recipe: NetworkRecipe = { ...source, ...simple, dns: [], interfaces };
  const network = assignMacs(planNetwork(recipe), newMac, "all");
  const left = planNetwork(source).interfaces.flatMap(({ addresses }, index) =>
    addresses.filter((old) => !network.interfaces[index]?.addresses.some((one) => isIpv6(one) === isIpv6(old))),
  );
  return { network, recipe, left };
}

function cloneInterface(one: InterfaceRecipe, given: CloneAddresses): InterfaceRecipe {
  const hadV4 = one.ip !== undefined && one.ip !== "dhcp" && one.ip !== "none";
  const hadV6 = one.ip6 !== undefined && one.ip6 !== "auto" && one.ip6 !== "none";
  const v4 = hadV4 ? { ip: undefined, mask: undefined, gw: undefined } : {};
  const v6 = hadV6 ? { ip6: undefined, gw6: undefined } : {};
  const { gw, mask } = one;
  const newV4 = given.ip === undefined ? {} : { ip: given.ip, gw, mask: given.ip.includes("/") ? undefined : mask };
  const newV6 = given.ip6 === undefined ? {} : { ip6: given.ip6, gw6: one.gw6 };
  return { ...one, ...v4, ...v6, ...newV4, ...newV6, mac: undefined, routes: hadV4 || hadV6 ? [] : one.routes };
}
