import { expect, it } from "vitest";
import { aptSettings, upgradeEnvironment } from "./apt-settings.ts";
import { gatewayOf } from "./sources.ts";
import { commandsOf } from "./steps.ts";

it("keeps configuration files, or takes the packages'", () => {
  expect(aptSettings("keep")).toContain('Dpkg::Options { "--force-confdef"; "--force-confold"; };');
  expect(aptSettings("new")).toContain('Dpkg::Options { "--force-confnew"; };');
  expect(upgradeEnvironment("keep")).toContain("UCF_FORCE_CONFFOLD=1");
  expect(upgradeEnvironment("new")).toContain("UCF_FORCE_CONFFNEW=1");
});

it("leads some hosts by the proxy", () => {
  const settings = aptSettings("keep", { address: "http://10.0.2.2:80", hosts: ["mirror.example.org"] });
  expect(settings).toContain('Acquire::http::Proxy::mirror.example.org "http://10.0.2.2:80";');
  expect(aptSettings("keep")).not.toContain("Proxy");
});

it("reads the gateway from the kernel's table", () => {
  const table = `Iface	Destination	Gateway 	Flags
ens3	0002000A	00000000	0001
ens3	00000000	0202000A	0003
`;
  expect(gatewayOf(table)).toBe("10.0.2.2");
  expect(gatewayOf("Iface\n")).toBeUndefined();
});

it("upgrades as the distribution wants it", () => {
  const words = (order: Parameters<typeof commandsOf>[0]) => commandsOf(order).map(({ argv }) => argv.at(-1));
  expect(words({ to: "trixie", way: "full-upgrade" })).toEqual(["upgrade", "full-upgrade"]);
  expect(words({ to: undefined, way: "full-upgrade" })).toEqual(["upgrade"]);
  expect(words({ to: "resolute", way: { prompt: "lts" } })).toEqual([
    "full-upgrade",
    "ubuntu-release-upgrader-core",
    expect.stringMatching(/Prompt=lts.* && exec do-release-upgrade .*DistUpgradeViewNonInteractive$/),
  ]);
});
