import type { FileEdit } from "../../model/file-edit.ts";
import { isIpv6 } from "../../model/ip.ts";
import { type InterfacePlan, type NetworkPlan, usesDhcpAlone } from "../../model/network.ts";
import type { TarItem } from "../../system/tar-writer.ts";

const PATH = "/etc/netplan/50-vmbuilder.yaml";
/** netplan wants that nobody but root reads its files: they may hold a wireless network's password. */
const MODE = 0o600;

/** Routes of later interfaces come behind those of the first, so that there is one way out and it is known. */
const FIRST_METRIC = 1024;

/** What netplan writes for systemd-networkd takes the names of these in order: cards that nobody described come last. */
const OTHER_CARDS = { "other-en": "en*", "other-eth": "eth*" };

type Settings = Readonly<Record<string, unknown>>;

const DHCP: Settings = { dhcp4: true, dhcp6: true, "dhcp-identifier": "mac" };
const DHCP_ALONE = Object.fromEntries(
  Object.entries(OTHER_CARDS).map(([id, name]) => [id, { match: { name }, ...DHCP, optional: true }]),
);

/** Leaves every wired interface to DHCP. */
export const NETWORK_SETTINGS: readonly TarItem[] = [
  { kind: "directory", path: "/etc/netplan", mode: 0o755 },
  { kind: "file", path: PATH, content: netplanText(DHCP_ALONE), mode: MODE },
];

/**
 * Settings of netplan for a machine whose network isn't left to DHCP alone.
 *
 * @see https://netplan.readthedocs.io/en/stable/netplan-yaml/
 */
export function networkEdits(network: NetworkPlan): FileEdit[] {
  if (usesDhcpAlone(network)) return [];
  // one card is found whatever its hypervisor gives it for a name or an address, unless it gets a name
  const byAddress = network.interfaces.length > 1 || network.interfaces[0]?.name !== undefined;
  const described = network.interfaces.flatMap((one, index): [string, Settings][] => {
    const settings = cardSettings(one, index, network.domain);
    if (byAddress)
      return [[`card-${index + 1}`, { match: { macaddress: one.mac?.toLowerCase() }, ...renamed(one), ...settings }]];
    return Object.values(OTHER_CARDS).map((name, i) => [`card-1-${i + 1}`, { match: { name }, ...settings }]);
  });
  const cards = Object.fromEntries(described);
  const content = netplanText(byAddress ? { ...cards, ...DHCP_ALONE } : cards);
  return [{ kind: "file", path: PATH, content, mode: MODE }];
}

function renamed({ name }: InterfacePlan): Settings {
  return name === undefined ? {} : { "set-name": name };
}

function cardSettings(one: InterfacePlan, index: number, domain: string | undefined): Settings {
  const isFirst = index === 0;
  const metric = FIRST_METRIC + index;
  const servers = {
    ...(one.dns.length > 0 ? { addresses: one.dns } : {}),
    ...(domain !== undefined && isFirst ? { search: [domain] } : {}),
  };
  const routes = [
    ...one.gateways.map((via) => ({ to: isIpv6(via) ? "::/0" : "0.0.0.0/0", via, ...(isFirst ? {} : { metric }) })),
    ...one.routes.map(({ to, via }) => ({ to, via })),
  ];
  const overrides = isFirst ? {} : { "route-metric": metric };
  return {
    dhcp4: one.dhcp,
    ...(one.dhcp ? { "dhcp-identifier": "mac", ...(isFirst ? {} : { "dhcp4-overrides": overrides }) } : {}),
    ...(one.ipv6 === "auto" ? { dhcp6: one.dhcp } : { "accept-ra": false }),
    ...(one.ipv6 === "auto" && one.dhcp && !isFirst ? { "dhcp6-overrides": overrides } : {}),
    ...(one.ipv6 === "off" ? { "link-local": [] } : {}),
    ...(one.addresses.length > 0 ? { addresses: one.addresses } : {}),
    ...(Object.keys(servers).length > 0 ? { nameservers: servers } : {}),
    ...(routes.length > 0 ? { routes } : {}),
    ...(isFirst ? {} : { optional: true }),
  };
}

/** JSON is YAML, and needs nobody to quote what looks like a number or a time of day. */
function netplanText(ethernets: Settings): string {
  const text = JSON.stringify({ network: { version: 2, renderer: "networkd", ethernets } }, null, 2);
  return `# Written by vmbuilder\n${text}\n`;
}
