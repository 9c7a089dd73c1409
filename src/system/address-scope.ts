import { BlockList, isIP } from "node:net";

/** How far an address reaches: this machine, its wire, its network, the world. */
export const SCOPES = ["loopback", "link", "private", "public"] as const;
/** A word of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** @see https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry */
const NETWORKS: Readonly<Record<Exclude<Scope, "public">, readonly string[]>> = {
  loopback: ["0.0.0.0/8", "127.0.0.0/8", "::/127"],
  link: ["169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8"],
  private: ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"],
};

/** The scope of an IP address; nothing for what is none. IPv4 inside IPv6 is what it is outside. */
export function scopeOf(text: string): Scope | undefined {
  const address = embedded(text.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, ""));
  const family = isIP(address);
  if (family === 0) return undefined;
  for (const scope of ["loopback", "link", "private"] as const) {
    const list = new BlockList();
    for (const network of NETWORKS[scope]) {
      const [start = "", bits] = network.split("/");
      list.addSubnet(start, Number(bits), isIP(start) === 6 ? "ipv6" : "ipv4");
    }
    if (list.check(address, family === 6 ? "ipv6" : "ipv4")) return scope;
  }
  return "public";
}

/** True when `to` reaches less far than `from`: a step inwards. */
export function isInwards(from: Scope, to: Scope): boolean {
  return SCOPES.indexOf(to) < SCOPES.indexOf(from);
}

/** Takes the IPv4 address out of a mapped or translated one (::ffff:0:0/96, 64:ff9b::/96). */
function embedded(address: string): string {
  if (isIP(address) !== 6) return address;
  const shown = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(shown) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}
