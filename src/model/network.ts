import { VmbuilderError } from "./errors.ts";
import type { Recipe } from "./recipe.ts";

/** A machine's network, where it isn't left to DHCP alone. */
export interface NetworkPlan {
  /** Address with the length of its network's prefix, such as `192.0.2.10/24`; undefined with DHCP. */
  readonly address: string | undefined;
  readonly gateway: string | undefined;
  readonly dns: readonly string[];
  readonly domain: string | undefined;
}

/** Keys of a recipe that {@link planNetwork} reads. */
export type NetworkRecipe = Pick<Recipe, "ip" | "mask" | "net" | "bcast" | "gw" | "dns" | "domain">;

const NEEDS_ADDRESS = ["mask", "net", "bcast", "gw"] as const;

/**
 * Completes what a recipe says of the network: the gateway is the first address of the network, the name server the
 * gateway, the mask that of the address's class, unless they are given.
 *
 * @returns undefined when DHCP decides everything
 * @throws recipe-invalid when the values contradict each other
 */
export function planNetwork(recipe: NetworkRecipe): NetworkPlan | undefined {
  const { ip, domain } = recipe;
  if (ip === "dhcp") {
    const orphan = NEEDS_ADDRESS.find((key) => recipe[key] !== undefined);
    if (orphan) throw wrong(`${orphan} is given, but no ip`, "add --ip ADDRESS");
    if (recipe.dns.length === 0 && domain === undefined) return undefined;
    return { address: undefined, gateway: undefined, dns: recipe.dns, domain };
  }
  const [address = "", length] = ip.split("/");
  return address.includes(":") ? planIpv6(recipe, address, length) : planIpv4(recipe, address, length);
}

function planIpv6(recipe: NetworkRecipe, address: string, length: string | undefined): NetworkPlan {
  const orphan = (["mask", "net", "bcast"] as const).find((key) => recipe[key] !== undefined);
  if (orphan) throw wrong(`${orphan} has no sense with the IPv6 address ${address}`, "give --ip ADDRESS/LENGTH");
  const { gw, dns, domain } = recipe;
  return { address: `${address}/${length ?? "64"}`, gateway: gw, dns: dns.length > 0 || !gw ? dns : [gw], domain };
}

function planIpv4(recipe: NetworkRecipe, address: string, length: string | undefined): NetworkPlan {
  const ip = parseIpv4(address);
  const prefix = prefixOf(recipe, ip, length);
  const mask = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
  const network = (ip & mask) >>> 0;
  const broadcast = (network | ~mask) >>> 0;
  if (prefix < 31 && (ip === network || ip === broadcast))
    throw wrong(
      `ip ${address} is the ${ip === network ? "network" : "broadcast"} address of its network`,
      "give a host's",
    );
  const expect = (key: "net" | "bcast", value: number) => {
    const given = recipe[key];
    if (given !== undefined && parseIpv4(given) !== value)
      throw wrong(`${key} ${given} does not fit ip ${address}/${prefix}`, `it would be ${formatIpv4(value)}`);
  };
  expect("net", network);
  expect("bcast", broadcast);
  const gateway = recipe.gw ?? (network + 1 === ip || prefix > 30 ? undefined : formatIpv4(network + 1));
  if (recipe.gw !== undefined) {
    const gw = recipe.gw.includes(":") ? undefined : parseIpv4(recipe.gw);
    if (gw === undefined || (gw & mask) >>> 0 !== network || gw === ip)
      throw wrong(
        `gw ${recipe.gw} is no neighbour of ip ${address}/${prefix}`,
        `give another address between ${formatIpv4(network + 1)} and ${formatIpv4(broadcast - 1)}`,
      );
  }
  const dns = recipe.dns.length > 0 || gateway === undefined ? recipe.dns : [gateway];
  return { address: `${address}/${prefix}`, gateway, dns, domain: recipe.domain };
}

/** From the address, the mask, or as networks once were, by the address's class. */
function prefixOf({ mask }: NetworkRecipe, ip: number, length: string | undefined): number {
  if (length !== undefined) {
    if (mask !== undefined && parseIpv4(mask) !== (0xffff_ffff << (32 - Number(length))) >>> 0)
      throw wrong(`mask ${mask} contradicts the /${length} of ip`, "give one of them");
    return Number(length);
  }
  if (mask === undefined) return ip < 0x8000_0000 ? 8 : ip < 0xc000_0000 ? 16 : 24;
  const bits = parseIpv4(mask);
  const prefix = Math.clz32(~bits >>> 0);
  if (prefix === 0 || (prefix < 32 && (bits << prefix) >>> 0 !== 0))
    throw wrong(`mask ${mask} is no network mask`, "give one such as 255.255.255.0");
  return prefix;
}

/** A checked dotted address as a number of 32 bits. */
export function parseIpv4(text: string): number {
  return text.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

/** The dotted form of {@link parseIpv4}'s number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

function wrong(message: string, hint: string): VmbuilderError {
  return new VmbuilderError("recipe-invalid", message, { hint });
}
