import { VmbuilderError } from "./errors.ts";
import { formatIpv4, isHostAddress, isInNetwork, isIpv6, isLinkLocal, maskOfPrefix, parseIpv4 } from "./ip.ts";
import type { Attachment, InterfacePlan } from "./network.ts";
import type { InterfaceRecipe } from "./recipe.ts";

/** What a recipe may say of one interface; `net` and `bcast` only of the first. */
export type InterfaceKeys = InterfaceRecipe & { readonly net?: string; readonly bcast?: string };

const NEEDS_ADDRESS = ["mask", "net", "bcast", "gw"] as const;

/**
 * Completes one interface: the mask is that of the address's class unless it is given, and the first interface's gateway the
 * first address of its network, which is the name server, too. Others get no gateway by guess: a machine has one way out.
 *
 * @throws recipe-invalid when the values contradict each other
 */
export function planInterface(keys: InterfaceKeys, index: number): InterfacePlan {
  const fail = (message: string, hint: string): never => {
    const where = index === 0 ? "" : `interfaces: the ${index + 1}. one: `;
    throw new VmbuilderError("recipe-invalid", where + message, { hint });
  };
  const v4 = planIpv4(keys, index === 0, fail);
  const v6 = planIpv6(keys, fail);
  const addresses = [...v4.addresses, ...v6.addresses];
  const gateways = [...v4.gateways, ...v6.gateways];
  for (const { to, via } of keys.routes) {
    if (isIpv6(to) !== isIpv6(via)) fail(`a route to ${to} cannot go by ${via}`, "give both of one kind");
    const own = addresses.filter((address) => isIpv6(address) === isIpv6(via));
    if (own.length > 0 && !isLinkLocal(via) && !own.some((address) => isInNetwork(via, address)))
      fail(`the route to ${to} goes by ${via}, which is no neighbour of ${own.join(" or ")}`, "give a neighbour");
  }
  return {
    name: keys.name,
    mac: keys.mac,
    dhcp: v4.dhcp,
    ipv6: v6.ipv6,
    addresses,
    gateways,
    dns: keys.dns.length > 0 ? keys.dns : gateways.filter((gateway) => !isLinkLocal(gateway)),
    routes: keys.routes,
    attachment: planAttachment(keys, fail),
  };
}

type Fail = (message: string, hint: string) => never;

function planAttachment({ bridge, network }: InterfaceKeys, fail: Fail): Attachment {
  if (bridge !== undefined && network !== undefined)
    fail(`both the bridge ${bridge} and the network ${network} are given`, "give one of them");
  if (bridge !== undefined) return { kind: "bridge", name: bridge };
  return network === undefined ? { kind: "user" } : { kind: "network", name: network };
}

function planIpv6(keys: InterfaceKeys, fail: Fail): Pick<InterfacePlan, "ipv6" | "addresses" | "gateways"> {
  const isMain = keys.ip !== undefined && isIpv6(keys.ip);
  if (isMain && keys.ip6 !== undefined)
    fail(`both ip ${keys.ip} and ip6 ${keys.ip6} are given`, "give one IPv6 address");
  const [address, gateway] = isMain ? [keys.ip, keys.gw ?? keys.gw6] : [keys.ip6, keys.gw6];
  if (address === undefined || address === "auto" || address === "none") {
    if (gateway !== undefined) fail(`gw6 ${gateway} is given, but no ip6`, "add --ip6 ADDRESS/LENGTH");
    return { ipv6: address === "none" ? "off" : "auto", addresses: [], gateways: [] };
  }
  const full = address.includes("/") ? address : `${address}/64`;
  if (!isHostAddress(full.split("/")[0] ?? ""))
    fail(`${address} is no address of a machine`, "give one such as 2001:db8::10/64");
  if (gateway !== undefined && !isLinkLocal(gateway) && (!isIpv6(gateway) || !isInNetwork(gateway, full)))
    fail(`gateway ${gateway} is no neighbour of ${full}`, "give a neighbour's address, or one that begins with fe80::");
  if (gateway === undefined) return { ipv6: "auto", addresses: [full], gateways: [] };
  return { ipv6: "fixed", addresses: [full], gateways: [gateway] };
}

function planIpv4(
  keys: InterfaceKeys,
  isFirst: boolean,
  fail: Fail,
): Pick<InterfacePlan, "dhcp" | "addresses" | "gateways"> {
  const { ip = "dhcp" } = keys;
  if (isIpv6(ip)) {
    const orphan = (["mask", "net", "bcast"] as const).find((key) => keys[key] !== undefined);
    if (orphan) fail(`${orphan} has no sense with the IPv6 address ${ip}`, "give --ip ADDRESS/LENGTH");
    return { dhcp: false, addresses: [], gateways: [] };
  }
  if (ip === "dhcp" || ip === "none") {
    const orphan = NEEDS_ADDRESS.find((key) => keys[key] !== undefined);
    if (orphan) fail(`${orphan} is given, but no ip`, "add --ip ADDRESS");
    return { dhcp: ip === "dhcp", addresses: [], gateways: [] };
  }
  const [address = "", length] = ip.split("/");
  const own = parseIpv4(address);
  if (!isHostAddress(address)) fail(`ip ${address} is no address of a machine`, "give one such as 192.0.2.10/24");
  const prefix = prefixOf(keys, own, length, fail);
  const mask = maskOfPrefix(prefix);
  const network = (own & mask) >>> 0;
  const broadcast = (network | ~mask) >>> 0;
  if (prefix < 31 && (own === network || own === broadcast))
    fail(`ip ${address} is the ${own === network ? "network" : "broadcast"} address of its network`, "give a host's");
  for (const [key, value] of [
    ["net", network],
    ["bcast", broadcast],
  ] as const) {
    const given = keys[key];
    if (given !== undefined && parseIpv4(given) !== value)
      fail(`${key} ${given} does not fit ip ${address}/${prefix}`, `it would be ${formatIpv4(value)}`);
  }
  const guessed = isFirst && network + 1 !== own && prefix <= 30 ? formatIpv4(network + 1) : undefined;
  const gateway = keys.gw ?? guessed;
  if (gateway !== undefined && (gateway === address || !isInNetwork(gateway, `${address}/${prefix}`)))
    fail(
      `gw ${gateway} is no neighbour of ip ${address}/${prefix}`,
      `give another address between ${formatIpv4(network + 1)} and ${formatIpv4(broadcast - 1)}`,
    );
  return { dhcp: false, addresses: [`${address}/${prefix}`], gateways: gateway === undefined ? [] : [gateway] };
}

/** From the address, the mask, or as networks once were, by the address's class. */
function prefixOf({ mask }: InterfaceKeys, ip: number, length: string | undefined, fail: Fail): number {
  if (length !== undefined) {
    if (mask !== undefined && parseIpv4(mask) !== maskOfPrefix(Number(length)))
      fail(`mask ${mask} contradicts the /${length} of ip`, "give one of them");
    return Number(length);
  }
  if (mask === undefined) return ip < 0x8000_0000 ? 8 : ip < 0xc000_0000 ? 16 : 24;
  const bits = parseIpv4(mask);
  const prefix = Math.clz32(~bits >>> 0);
  if (prefix === 0 || bits !== maskOfPrefix(prefix))
    fail(`mask ${mask} is no network mask`, "give one such as 255.255.255.0");
  return prefix;
}
