import { describe, expect, it } from "vitest";
import { assignMacs, planNetwork, usesDhcpAlone } from "./network.ts";
import { recipeSchema } from "./recipe.ts";

const plan = (recipe: Record<string, unknown>) => planNetwork(recipeSchema.parse(recipe));

describe("planNetwork", () => {
  it("leaves everything to DHCP when nothing is said", () => {
    expect(usesDhcpAlone(plan({}))).toBe(true);
    expect(plan({}).interfaces).toMatchObject([{ dhcp: true, ipv6: "auto", addresses: [], gateways: [], dns: [] }]);
  });
  it.each([
    // complaint 20 of the old tool's users: the gateway was the machine's own address plus one
    [{ ip: "192.168.1.10" }, { addresses: ["192.168.1.10/24"], gateways: ["192.168.1.1"], dns: ["192.168.1.1"] }],
    [{ ip: "10.1.2.3" }, { addresses: ["10.1.2.3/8"], gateways: ["10.0.0.1"], dns: ["10.0.0.1"] }],
    [{ ip: "172.16.5.4/20" }, { addresses: ["172.16.5.4/20"], gateways: ["172.16.0.1"], dns: ["172.16.0.1"] }],
    [
      { ip: "10.0.0.9", mask: "255.255.255.240" },
      { addresses: ["10.0.0.9/28"], gateways: ["10.0.0.1"] },
    ],
    [
      { ip: "192.0.2.10", gw: "192.0.2.254", dns: "9.9.9.9" },
      { gateways: ["192.0.2.254"], dns: ["9.9.9.9"] },
    ],
    [{ ip: "192.0.2.1" }, { gateways: [], dns: [] }],
    [{ ip: "192.0.2.10", net: "192.0.2.0", bcast: "192.0.2.255" }, { addresses: ["192.0.2.10/24"] }],
    [
      { ip: "2001:db8::5/64", gw: "2001:db8::1" },
      { addresses: ["2001:db8::5/64"], dns: ["2001:db8::1"] },
    ],
    [
      { dns: ["192.0.2.53"], domain: "example.org" },
      { dhcp: true, addresses: [], dns: ["192.0.2.53"] },
    ],
    [
      { ip: "192.0.2.10", ip6: "2001:db8::5", gw6: "fe80::1" },
      {
        addresses: ["192.0.2.10/24", "2001:db8::5/64"],
        gateways: ["192.0.2.1", "fe80::1"],
        dns: ["192.0.2.1"],
        ipv6: "fixed",
      },
    ],
    [{ ip6: "2001:db8::5/56" }, { dhcp: true, ipv6: "auto", addresses: ["2001:db8::5/56"] }],
    [
      { ip: "none", ip6: "none" },
      { dhcp: false, ipv6: "off", addresses: [] },
    ],
  ])("completes %j", (recipe, expected) => {
    expect(plan(recipe).interfaces[0]).toMatchObject(expected);
  });
  it.each([
    [{ gw: "192.0.2.1" }, "no ip"],
    [{ ip: "127.0.0.1" }, "no address of a machine"],
    [{ ip: "224.0.0.5/24" }, "no address of a machine"],
    [{ ip6: "ff02::1" }, "no address of a machine"],
    [{ ip: "::1" }, "no address of a machine"],
    [{ ip: "192.0.2.0" }, "network address"],
    [{ ip: "192.0.2.255" }, "broadcast address"],
    [{ ip: "192.0.2.10", gw: "198.51.100.1" }, "no neighbour"],
    [{ ip: "192.0.2.10", gw: "192.0.2.10" }, "no neighbour"],
    [{ ip: "192.0.2.10", mask: "255.0.255.0" }, "no network mask"],
    [{ ip: "192.0.2.10/24", mask: "255.255.0.0" }, "contradicts"],
    [{ ip: "192.0.2.10", net: "192.0.3.0" }, "does not fit"],
    [{ ip: "192.0.2.10", bcast: "192.0.2.127" }, "does not fit"],
    [{ ip: "2001:db8::5", mask: "255.255.255.0" }, "no sense"],
    [{ ip: "2001:db8::5", ip6: "2001:db8::6" }, "ip6 2001:db8::6"],
    [{ gw6: "2001:db8::1" }, "no ip6"],
    [{ ip6: "2001:db8::5", gw6: "2001:db9::1" }, "no neighbour"],
    [{ bridge: "br0", network: "default" }, "both the bridge"],
    [{ interfaces: [{}, { ip: "192.0.2.0" }] }, "interfaces: the 2. one: ip 192.0.2.0"],
    [{ ip: "192.0.2.5", interfaces: [{}, { ip: "192.0.2.5" }] }, "the address 192.0.2.5"],
    [{ mac: "52:54:00:00:00:0A", interfaces: [{}, { mac: "52:54:00:00:00:0a" }] }, "the mac"],
    [{ interfaces: [{ name: "lan" }, { name: "lan" }] }, "the name lan"],
    [{ interfaces: [{ ip: "192.0.2.5", routes: { to: "10.0.0.0/8", via: "10.0.0.1" } }] }, "no neighbour"],
    [{ interfaces: [{ routes: { to: "10.0.0.0/8", via: "fe80::1" } }] }, "cannot go by"],
  ])("refuses %j", (recipe, why) => {
    expect(() => plan(recipe)).toThrow(why);
  });
  it("lets the simple keys describe the first of several, and guesses no gateway for the others", () => {
    const { interfaces } = plan({
      ip: "192.0.2.10",
      interfaces: [{ name: "wan", ip: "192.0.2.99", dns: "192.0.2.53" }, { ip: "10.0.0.5/24" }],
    });
    expect(interfaces).toMatchObject([
      { name: "wan", addresses: ["192.0.2.10/24"], gateways: ["192.0.2.1"], dns: ["192.0.2.53"] },
      { name: undefined, addresses: ["10.0.0.5/24"], gateways: [], dns: [] },
    ]);
  });
});

describe("assignMacs", () => {
  const macs = (recipe: Record<string, unknown>) =>
    assignMacs(plan(recipe), () => "new").interfaces.map(({ mac }) => mac);
  it("gives one to each card that must be told from others", () => {
    expect(macs({})).toEqual([undefined]);
    expect(macs({ bridge: "br0" })).toEqual(["new"]);
    expect(macs({ mac: "52:54:00:00:00:01", interfaces: [{}, {}] })).toEqual(["52:54:00:00:00:01", "new"]);
  });
});
