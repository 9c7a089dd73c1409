import { formatIpv4, type NetworkPlan, parseIpv4 } from "../model/network.ts";

/** Options of qemu's user network, and the machine's address in it where that is fixed. */
export interface UserNetwork {
  readonly options: string;
  readonly guest: string;
}

/**
 * qemu's user network for a machine: its usual one with DHCP, or one that looks like the network that a machine with a fixed
 * IPv4 address expects, gateway and name server included.
 *
 * @see https://www.qemu.org/docs/master/system/invocation.html, -netdev user
 */
export function userNetwork(network: NetworkPlan | undefined): UserNetwork {
  const [address, length] = (network?.address ?? "").split("/");
  if (!network || !address || address.includes(":")) return { options: "user,id=net0", guest: "" };
  const ip = parseIpv4(address);
  const mask = (0xffff_ffff << (32 - Number(length))) >>> 0;
  const [first, last] = [((ip & mask) >>> 0) + 1, ((ip | ~mask) >>> 0) - 1];
  const inside = [...network.dns, network.gateway].find(
    (one) => one !== undefined && !one.includes(":") && (parseIpv4(one) & mask) >>> 0 === (ip & mask) >>> 0,
  );
  const dns = inside === undefined || parseIpv4(inside) === ip ? undefined : inside;
  // qemu's host and name server are two addresses, and both serve as the gateway.
  const taken = new Set([ip, dns === undefined ? ip : parseIpv4(dns)]);
  const wanted = network.gateway === undefined ? first : parseIpv4(network.gateway);
  let host = taken.has(wanted) ? last : wanted;
  while (taken.has(host)) host--;
  const options = [`net=${formatIpv4((ip & mask) >>> 0)}/${length}`, `host=${formatIpv4(host)}`];
  return { options: ["user,id=net0", ...options, ...(dns ? [`dns=${dns}`] : [])].join(","), guest: address };
}
