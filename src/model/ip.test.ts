import { expect, it } from "vitest";
import {
  formatIpv4,
  ipv6Network,
  isHostAddress,
  isInNetwork,
  isLinkLocal,
  maskOfPrefix,
  parseIpv4,
  parseIpv6,
} from "./ip.ts";

it("reads and writes dotted addresses", () => {
  expect(formatIpv4(parseIpv4("192.0.2.254"))).toBe("192.0.2.254");
  expect([0, 1, 24, 32].map((length) => formatIpv4(maskOfPrefix(length)))).toEqual([
    "0.0.0.0",
    "128.0.0.0",
    "255.255.255.0",
    "255.255.255.255",
  ]);
});

it.each([
  ["::", 0n],
  ["::1", 1n],
  ["1::", 1n << 112n],
  ["2001:db8::5:6", 0x2001_0db8_0000_0000_0000_0000_0005_0006n],
  ["1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004_0005_0006_0007_0008n],
  ["::ffff:192.0.2.1", 0xffff_c000_0201n],
])("reads %s", (text, value) => {
  expect(parseIpv6(text)).toBe(value);
});

it("cuts a network out of an IPv6 address", () => {
  expect(ipv6Network("2001:db8:ffff::5", 40)).toBe("2001:db8:ff00:0:0:0:0:0");
  expect(ipv6Network("::1", 128)).toBe("0:0:0:0:0:0:0:1");
});

it("tells neighbours from strangers", () => {
  expect(isInNetwork("192.0.2.1", "192.0.2.200/24")).toBe(true);
  expect(isInNetwork("192.0.3.1", "192.0.2.200/24")).toBe(false);
  expect(isInNetwork("203.0.113.1", "0.0.0.0/0")).toBe(true);
  expect(isInNetwork("2001:db8::1", "2001:db8::/64")).toBe(true);
  expect(isInNetwork("2001:db8:0:1::1", "2001:db8::/64")).toBe(false);
  expect(isInNetwork("192.0.2.1", "::/0")).toBe(false);
  expect([isLinkLocal("fe80::1"), isLinkLocal("febf::1"), isLinkLocal("fec0::1")]).toEqual([true, true, false]);
});

it.each(["0.0.0.1", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"])(
  "knows that no machine has %s",
  (address) => {
    expect(isHostAddress(address)).toBe(false);
  },
);

it.each(["1.0.0.1", "126.1.2.3", "192.0.2.1", "223.255.255.254", "2001:db8::1", "fe80::1", "fd00::1"])(
  "knows that a machine may have %s",
  (address) => {
    expect(isHostAddress(address)).toBe(true);
  },
);
