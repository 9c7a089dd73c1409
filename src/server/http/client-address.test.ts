import { expect, it } from "vitest";
import { clientAddress, parseProxies } from "./client-address.ts";

const isProxy = parseProxies(["127.0.0.1", "10.0.0.0/8", "::1"]);

it.each([
  ["nobody's header counts but a proxy's", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
  ["a proxy's does", "127.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["what a caller has put before is a claim", "127.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"],
  ["a chain of proxies is followed", "::1", "198.51.100.1, 10.1.2.3", "198.51.100.1"],
  ["an address of IPv4 within IPv6 is that of IPv4", "::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"],
  ["nonsense ends it", "127.0.0.1", "198.51.100.1, localhost", "127.0.0.1"],
  ["without the header it is the proxy", "127.0.0.1", null, "127.0.0.1"],
])("%s", (_, peer, forwarded, expected) => {
  expect(clientAddress(peer, forwarded, isProxy)).toBe(expected);
});

it.each(["localhost", "10.0.0.0/33", "10.0.0.0/8/8", "::1/x", ""])("%j is refused", (text) => {
  expect(() => parseProxies([text])).toThrow(expect.objectContaining({ code: "usage" }));
});
