import { expect, it } from "vitest";
import { assignMacs, planNetwork } from "../../model/network.ts";
import { recipeSchema } from "../../model/recipe.ts";
import { networkEdits } from "./networkd.ts";

function files(recipe: object): Record<string, string> {
  let count = 0;
  const network = assignMacs(planNetwork(recipeSchema.parse(recipe)), () => `52:54:00:00:00:0${++count}`);
  return Object.fromEntries(
    networkEdits(network).map((edit) => [
      edit.path.slice("/etc/systemd/network/".length),
      edit.kind === "file" ? edit.content : "",
    ]),
  );
}

it("writes nothing where DHCP decides everything", () => {
  expect(files({ mac: "52:54:00:12:34:56" })).toEqual({});
});

it("finds an only card by whatever name it has", () => {
  expect(files({ ip: "192.0.2.10", ip6: "none" })).toEqual({
    "70-vmbuilder.network":
      "# Written by vmbuilder\n[Match]\nName=en* eth*\n\n[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=no\nAddress=192.0.2.10/24\nGateway=192.0.2.1\nDNS=192.0.2.1\n",
  });
});

it("finds several by their hardware addresses, and names them", () => {
  const interfaces = [
    { name: "wan", ip6: "2001:db8::5", gw6: "fe80::1" },
    { ip: "10.0.0.5/24", gw: "10.0.0.1", routes: [{ to: "10.9.0.0/16", via: "10.0.0.9" }] },
  ];
  expect(files({ domain: "example.org", interfaces })).toEqual({
    "70-vmbuilder-1.link": "# Written by vmbuilder\n[Match]\nMACAddress=52:54:00:00:00:01\n\n[Link]\nName=wan\n",
    "70-vmbuilder-1.network":
      "# Written by vmbuilder\n[Match]\nMACAddress=52:54:00:00:00:01\n\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nAddress=2001:db8::5/64\nGateway=fe80::1\nDomains=example.org\n\n[DHCPv4]\nClientIdentifier=mac\n",
    "70-vmbuilder-2.network":
      "# Written by vmbuilder\n[Match]\nMACAddress=52:54:00:00:00:02\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nAddress=10.0.0.5/24\nDNS=10.0.0.1\n\n[IPv6AcceptRA]\nRouteMetric=1025\n\n[Route]\nGateway=10.0.0.1\nMetric=1025\n\n[Route]\nDestination=10.9.0.0/16\nGateway=10.0.0.9\n",
  });
});
