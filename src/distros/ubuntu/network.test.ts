import { describe, expect, it } from "vitest";
import { planNetwork } from "../../model/network.ts";
import { type RecipeInput, recipeSchema } from "../../model/recipe.ts";
import { NETWORK_SETTINGS, networkEdits } from "./network.ts";

function netplan(input: RecipeInput) {
  const [edit] = networkEdits(planNetwork(recipeSchema.parse(input)));
  if (edit?.kind !== "file") return undefined;
  expect(edit).toMatchObject({ path: "/etc/netplan/50-vmbuilder.yaml", mode: 0o600 });
  return JSON.parse(edit.content.replace(/^#.*\n/, "")).network.ethernets;
}

describe("networkEdits", () => {
  it("leaves a machine with nothing but DHCP to what its tree has", () => {
    expect(netplan({})).toBeUndefined();
    const content = NETWORK_SETTINGS.map((item) => (item.kind === "file" ? item.content : "")).join("");
    expect(JSON.parse(content.replace(/^#.*\n/, "")).network).toMatchObject({
      version: 2,
      renderer: "networkd",
      ethernets: { "other-en": { match: { name: "en*" }, dhcp4: true }, "other-eth": { match: { name: "eth*" } } },
    });
  });

  it("gives a single card its fixed address, whatever its name", () => {
    const settings = {
      dhcp4: false,
      addresses: ["192.168.77.10/24"],
      nameservers: { addresses: ["192.168.77.1"], search: ["example.org"] },
      routes: [{ to: "0.0.0.0/0", via: "192.168.77.1" }],
    };
    const cards = netplan({ ip: "192.168.77.10", domain: "example.org", mac: "52:54:00:AA:BB:CC" });
    expect(cards).toMatchObject({
      "card-1-1": { match: { name: "en*" }, ...settings },
      "card-1-2": { match: { name: "eth*" }, ...settings },
    });
    expect(Object.keys(cards)).toHaveLength(2);
  });

  it("tells several cards apart by their addresses, and prefers the first one's way out", () => {
    const cards = netplan({
      ip: "10.0.0.5/24",
      mac: "52:54:00:00:00:01",
      interfaces: [
        {},
        {
          mac: "52:54:00:00:00:02",
          name: "inside",
          ip: "10.1.0.5/24",
          gw: "10.1.0.1",
          routes: [{ to: "10.2.0.0/16", via: "10.1.0.1" }],
        },
        { mac: "52:54:00:00:00:03", ip: "dhcp", ip6: "none" },
      ],
    });
    expect(cards["card-1"]).toMatchObject({
      match: { macaddress: "52:54:00:00:00:01" },
      routes: [{ via: "10.0.0.1" }],
    });
    expect(cards["card-2"]).toMatchObject({
      "match": { macaddress: "52:54:00:00:00:02" },
      "set-name": "inside",
      "optional": true,
      "routes": [
        { to: "0.0.0.0/0", via: "10.1.0.1", metric: 1025 },
        { to: "10.2.0.0/16", via: "10.1.0.1" },
      ],
    });
    expect(cards["card-3"]).toMatchObject({
      "dhcp4": true,
      "dhcp4-overrides": { "route-metric": 1026 },
      "accept-ra": false,
      "link-local": [],
    });
    expect(cards["other-en"]).toMatchObject({ dhcp4: true, optional: true });
  });

  it("has IPv6 beside IPv4", () => {
    expect(netplan({ ip: "10.0.0.5/24", ip6: "2001:db8::5/64", gw6: "fe80::1" })["card-1-1"]).toMatchObject({
      "addresses": ["10.0.0.5/24", "2001:db8::5/64"],
      "accept-ra": false,
      "routes": [
        { to: "0.0.0.0/0", via: "10.0.0.1" },
        { to: "::/0", via: "fe80::1" },
      ],
    });
  });
});
