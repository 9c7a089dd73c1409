/** A checked dotted address as a number of 32 bits. */
export function parseIpv4(text: string): number {
  return text.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

/** The dotted form of {@link parseIpv4}'s number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** The mask of a prefix of 0 to 32 bits, as {@link parseIpv4} has addresses. */
export function maskOfPrefix(length: number): number {
  return length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
}

/** A checked IPv6 address as a number of 128 bits. */
export function parseIpv6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted ? parseIpv4(String(dotted[2])) : 0;
  const plain = dotted ? `${dotted[1]}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}` : text;
  const [head = [], tail] = plain.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = tail === undefined ? [] : Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...(tail ?? [])].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** The network of a checked IPv6 address, which ends with zeros. */
export function ipv6Network(address: string, length: number): string {
  const zeros = BigInt(128 - length);
  const bits = (parseIpv6(address) >> zeros) << zeros;
  return [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((at) => ((bits >> at) & 0xffffn).toString(16)).join(":");
}

/** True for an address or network of IPv6. */
export function isIpv6(text: string): boolean {
  return text.includes(":");
}

/** True when an address lies in the network of another one, written `ADDRESS/LENGTH`. */
export function isInNetwork(address: string, network: string): boolean {
  const [other = "", length] = network.split("/");
  if (isIpv6(address) !== isIpv6(other)) return false;
  if (!isIpv6(address)) return ((parseIpv4(address) ^ parseIpv4(other)) & maskOfPrefix(Number(length))) === 0;
  return (parseIpv6(address) ^ parseIpv6(other)) >> BigInt(128 - Number(length)) === 0n;
}

/** True for an address that is valid on one cable only, such as a router's. */
export function isLinkLocal(address: string): boolean {
  return isInNetwork(address, "fe80::/10");
}

/** Loopback, groups of machines, and what means no machine or is kept for later. */
const NO_HOSTS = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8"];

/** True for an address that a network card can have. */
export function isHostAddress(address: string): boolean {
  return !NO_HOSTS.some((network) => isInNetwork(address, network));
}
