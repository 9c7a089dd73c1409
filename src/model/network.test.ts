import { describe, expect, it } from "vitest";
import { planNetwork } from "./network.ts";
import { recipeSchema } from "./recipe.ts";

const plan = (recipe: Record<string, unknown>) => planNetwork(recipeSchema.parse(recipe));

describe("planNetwork", () => {
  it("leaves everything to DHCP when nothing is said", () => {
    expect(plan({})).toBeUndefined();
  });
  it.each([
    // complaint 20 of the old tool's users: the gateway was the machine's own address plus one
    [{ ip: "192.168.1.10" }, { address: "192.168.1.10/24", gateway: "192.168.1.1", dns: ["192.168.1.1"] }],
    [{ ip: "10.1.2.3" }, { address: "10.1.2.3/8", gateway: "10.0.0.1", dns: ["10.0.0.1"] }],
    [{ ip: "172.16.5.4/20" }, { address: "172.16.5.4/20", gateway: "172.16.0.1", dns: ["172.16.0.1"] }],
    [
      { ip: "10.0.0.9", mask: "255.255.255.240" },
      { address: "10.0.0.9/28", gateway: "10.0.0.1" },
    ],
    [
      { ip: "192.0.2.10", gw: "192.0.2.254", dns: "9.9.9.9" },
      { gateway: "192.0.2.254", dns: ["9.9.9.9"] },
    ],
    [{ ip: "192.0.2.1" }, { gateway: undefined, dns: [] }],
    [{ ip: "192.0.2.10", net: "192.0.2.0", bcast: "192.0.2.255" }, { address: "192.0.2.10/24" }],
    [
      { ip: "2001:db8::5/64", gw: "2001:db8::1" },
      { address: "2001:db8::5/64", dns: ["2001:db8::1"] },
    ],
    [
      { dns: ["192.0.2.53"], domain: "example.org" },
      { address: undefined, dns: ["192.0.2.53"], domain: "example.org" },
    ],
  ])("completes %j", (recipe, expected) => {
    expect(plan(recipe)).toMatchObject(expected);
  });
  it.each([
    [{ gw: "192.0.2.1" }, "no ip"],
    [{ ip: "192.0.2.0" }, "network address"],
    [{ ip: "192.0.2.255" }, "broadcast address"],
    [{ ip: "192.0.2.10", gw: "198.51.100.1" }, "no neighbour"],
    [{ ip: "192.0.2.10", gw: "192.0.2.10" }, "no neighbour"],
    [{ ip: "192.0.2.10", mask: "255.0.255.0" }, "no network mask"],
    [{ ip: "192.0.2.10/24", mask: "255.255.0.0" }, "contradicts"],
    [{ ip: "192.0.2.10", net: "192.0.3.0" }, "does not fit"],
    [{ ip: "192.0.2.10", bcast: "192.0.2.127" }, "does not fit"],
    [{ ip: "2001:db8::5", mask: "255.255.255.0" }, "no sense"],
  ])("refuses %j", (recipe, why) => {
    expect(() => plan(recipe)).toThrow(why);
  });
});
