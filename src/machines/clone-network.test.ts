import { expect, it } from "vitest";
import { recipeSchema } from "../model/recipe.ts";
import { cloneNetwork } from "./clone-network.ts";

const SOURCE = recipeSchema.parse({
  ip: "192.0.2.10",
  gw: "192.0.2.254",
  mac: "52:54:00:00:00:01",
  domain: "example.org",
  interfaces: [{ name: "wan" }, { ip: "10.0.0.5/24", mac: "52:54:00:00:00:02" }],
});

it("leaves fixed addresses to the source, and says which", () => {
  const { network, left } = cloneNetwork(SOURCE, {}, () => "52:54:00:00:00:ff");
  expect(left).toEqual(["192.0.2.10/24", "10.0.0.5/24"]);
  expect(network).toMatchObject({
    domain: "example.org",
    interfaces: [
      { name: "wan", dhcp: true, addresses: [], gateways: [], mac: "52:54:00:00:00:ff" },
      { dhcp: true, addresses: [], mac: "52:54:00:00:00:ff" },
    ],
  });
});

it("gives the first card an address of its own in the source's network", () => {
  const { network, left, recipe } = cloneNetwork(SOURCE, { ip: "192.0.2.11" }, () => "52:54:00:00:00:ff");
  expect(left).toEqual(["10.0.0.5/24"]);
  expect(network.interfaces[0]).toMatchObject({ addresses: ["192.0.2.11/24"], gateways: ["192.0.2.254"] });
  expect(cloneNetwork(recipe, {}, () => "52:54:00:00:00:fe").left).toEqual(["192.0.2.11/24"]);
  expect(() => cloneNetwork(SOURCE, { ip: "198.51.100.1" }, () => "")).toThrow("no neighbour");
});

it("a plain card has a hardware address of its own in each clone, though the source left it to the hypervisor", () => {
  const source = recipeSchema.parse({});
  expect(cloneNetwork(source, {}, () => "52:54:00:00:00:fd").network.interfaces).toMatchObject([
    { mac: "52:54:00:00:00:fd", attachment: { kind: "user" } },
  ]);
});
