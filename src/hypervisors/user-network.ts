import {
  formatIpv4,
  ipv6Network,
  isInNetwork,
  isIpv6,
  isLinkLocal,
  maskOfPrefix,
  parseIpv4,
  parseIpv6,
} from "../model/ip.ts";
import type { InterfacePlan } from "../model/network.ts";

/** qemu's user network for one card, and the machine's IPv4 address in it where that is fixed. */
export interface UserNetwork {
  readonly options: string;
  readonly guest: string;
}

/**
 * qemu's user network for a card: its usual one with DHCP, or one that looks like the networks that a card with fixed
 * addresses expects, gateways and name servers included. Cards behind the first get networks of other numbers, since a
 * machine couldn't tell two equal ones apart.
 *
 * @see https://www.qemu.org/docs/master/system/invocation.html, -netdev user
 */
export function userNetwork(one: InterfacePlan, index = 0): UserNetwork {
  const v4 = one.addresses.find((address) => !isIpv6(address));
  const v6 = one.addresses.find((address) => isIpv6(address));
  const other = index === 0 ? [] : [`net=10.0.${index + 2}.0/24`];
  const options = [
    ...(v4 === undefined ? other : ipv4Options(one, v4)),
    ...(v6 === undefined ? [] : ipv6Options(one, v6)),
  ];
  return { options: [`user,id=net${index}`, ...options].join(","), guest: v4?.split("/")[0] ?? "" };
}

function ipv4Options({ dns: servers, gateways }: InterfacePlan, full: string): string[] {
  const [address = "", length] = full.split("/");
  const ip = parseIpv4(address);
  const mask = maskOfPrefix(Number(length));
  const [first, last] = [((ip & mask) >>> 0) + 1, ((ip | ~mask) >>> 0) - 1];
  const gateway = gateways.find((one) => !isIpv6(one));
  const inside = [...servers, gateway].find((one) => one !== undefined && isInNetwork(one, full));
  const dns = inside === undefined || inside === address ? undefined : inside;
  // qemu's host and name server are two addresses, and both serve as the gateway.
  const taken = new Set([ip, dns === undefined ? ip : parseIpv4(dns)]);
  const wanted = gateway === undefined ? first : parseIpv4(gateway);
  let host = taken.has(wanted) ? last : wanted;
  while (taken.has(host)) host--;
  const network = `net=${formatIpv4((ip & mask) >>> 0)}/${length}`;
  return [network, `host=${formatIpv4(host)}`, ...(dns === undefined ? [] : [`dns=${dns}`])];
}

/** Router and name server may not be one address here either; which of them it is doesn't matter to the machine. */
function ipv6Options({ dns: servers, gateways }: InterfacePlan, full: string): string[] {
  const [address = "", length] = full.split("/");
  const near = (one: string) => isIpv6(one) && !isLinkLocal(one) && isInNetwork(one, full) && one !== address;
  const gateway = gateways.find(near);
  const dns = servers.find((one) => near(one) && (gateway === undefined || parseIpv6(one) !== parseIpv6(gateway)));
  // a prefix longer than 126 bits has no room for both
  if (Number(length) > 126) return [];
  return [
    `ipv6-net=${ipv6Network(address, Number(length))}/${length}`,
    ...(gateway === undefined ? [] : [`ipv6-host=${gateway}`]),
    ...(dns === undefined ? [] : [`ipv6-dns=${dns}`]),
  ];
}
