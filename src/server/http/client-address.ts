import { BlockList, isIP } from "node:net";
import { VmbuilderError } from "../../model/errors.ts";

/** Tells a proxy that is trusted from everybody else. */
export type ProxyList = (address: string) => boolean;

/**
 * Reads addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `::1`.
 *
 * @throws usage
 */
export function parseProxies(texts: readonly string[]): ProxyList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = "", bits, ...rest] = text.split("/");
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    if (family === 0 || rest.length > 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
      throw new VmbuilderError("usage", `--trust-proxy: "${text}" is no address`, {
        hint: "such as 127.0.0.1 or 10.0.0.0/8",
      });
    list.addSubnet(address, Number(bits ?? most), family === 6 ? "ipv6" : "ipv4");
  }
  return (address) => {
    const plain = unmapped(address);
    return isIP(plain) > 0 && list.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4");
  };
}

/**
 * Who asks: the last address of X-Forwarded-For that is no proxy of ours, since each proxy adds at its end what it saw. Of
 * anybody else that header is a claim, and doesn't count.
 */
export function clientAddress(peer: string, forwarded: string | null, isProxy: ProxyList): string {
  let address = unmapped(peer);
  for (const next of (forwarded ?? "").split(",").reverse()) {
    if (!isProxy(address)) break;
    const plain = unmapped(next.trim().replace(/^\[(.*)\](?::\d+)?$/, "$1"));
    if (isIP(plain) === 0) break;
    address = plain;
  }
  return address;
}

function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
