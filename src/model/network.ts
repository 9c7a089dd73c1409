import { VmbuilderError } from "./errors.ts";
import { type InterfaceKeys, planInterface } from "./interface-plan.ts";
import type { Recipe } from "./recipe.ts";

/** A machine's network: its interfaces, in the order of its network cards. There is always one. */
export interface NetworkPlan {
  readonly interfaces: readonly InterfacePlan[];
  readonly domain: string | undefined;
}

/** One network card and how the machine uses it. */
export interface InterfacePlan {
  /** What the machine calls it; undefined leaves that to the machine. */
  readonly name: string | undefined;
  /** Undefined leaves it to the hypervisor. */
  readonly mac: string | undefined;
  /** Whether it asks DHCP for an IPv4 address. */
  readonly dhcp: boolean;
  /** `auto` takes what routers announce, `fixed` only what stands in `addresses`, `off` is no IPv6 at all. */
  readonly ipv6: "auto" | "fixed" | "off";
  /** Fixed addresses, with the lengths of their networks' prefixes, such as `192.0.2.10/24`. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
  readonly routes: readonly RoutePlan[];
  readonly attachment: Attachment;
}

/** A way to a network, written `ADDRESS/LENGTH`. */
export interface RoutePlan {
  readonly to: string;
  readonly via: string;
}

/** Where the hypervisor connects a card: its own network behind the host's address, a bridge, or a network by name. */
export type Attachment = { readonly kind: "user" } | { readonly kind: "bridge" | "network"; readonly name: string };

/** Keys that describe the first interface, beside its name servers. */
export const SIMPLE_KEYS = ["ip", "mask", "net", "bcast", "gw", "ip6", "gw6", "mac", "bridge", "network"] as const;

/** Keys of a recipe that {@link planNetwork} reads. */
export type NetworkRecipe = Pick<Recipe, (typeof SIMPLE_KEYS)[number] | "dns" | "domain" | "interfaces">;

/**
 * Completes what a recipe says of the network. The simple keys describe the first interface, and beat what `interfaces`
 * says of it.
 *
 * @throws recipe-invalid when the values contradict each other
 */
export function planNetwork(recipe: NetworkRecipe): NetworkPlan {
  const interfaces = mergeInterfaces(recipe).map(planInterface);
  for (const [what, values] of Object.entries({
    mac: interfaces.map(({ mac }) => mac?.toLowerCase()),
    name: interfaces.map(({ name }) => name),
    address: interfaces.flatMap(({ addresses }) => addresses.map((address) => address.split("/")[0])),
  })) {
    const twice = values.find((value, index) => value !== undefined && values.indexOf(value) !== index);
    if (twice !== undefined)
      throw new VmbuilderError("recipe-invalid", `two interfaces have the ${what} ${twice}`, {
        hint: "give each its own",
      });
  }
  return { interfaces, domain: recipe.domain };
}

/** All interfaces that a recipe describes, the first by its simple keys, too. */
export function mergeInterfaces(recipe: NetworkRecipe): InterfaceKeys[] {
  const [first = { dns: [], routes: [] }, ...others] = recipe.interfaces;
  const given = Object.fromEntries(SIMPLE_KEYS.filter((key) => recipe[key] !== undefined).map((k) => [k, recipe[k]]));
  return [{ ...first, ...given, ...(recipe.dns.length > 0 ? { dns: recipe.dns } : {}) }, ...others];
}

/** True when a machine's network is one card, and DHCP decides everything about it. */
export function usesDhcpAlone({ interfaces, domain }: NetworkPlan): boolean {
  const [only, ...others] = interfaces;
  return domain === undefined && others.length === 0 && only !== undefined && isPlain(only);
}

function isPlain({ name, dhcp, ipv6, addresses, dns, routes }: InterfacePlan): boolean {
  const isAutomatic = dhcp && ipv6 === "auto" && addresses.length === 0;
  return name === undefined && isAutomatic && dns.length === 0 && routes.length === 0;
}

/**
 * Gives a hardware address to every card that needs one of its own: of several, since the machine tells them apart by it,
 * and on a bridge, where other machines are.
 *
 * @param which `all`: to the others, too, which hypervisors would give the same address each time
 */
export function assignMacs(
  network: NetworkPlan,
  newMac: () => string,
  which: "needed" | "all" = "needed",
): NetworkPlan {
  const needsMac = ({ attachment, name }: InterfacePlan) =>
    which === "all" || network.interfaces.length > 1 || attachment.kind !== "user" || name !== undefined;
  return {
    ...network,
    interfaces: network.interfaces.map((one) => (needsMac(one) ? { ...one, mac: one.mac ?? newMac() } : one)),
  };
}
