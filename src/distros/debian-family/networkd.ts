import type { FileEdit } from "../../model/file-edit.ts";
import { type InterfacePlan, type NetworkPlan, usesDhcpAlone } from "../../model/network.ts";
import type { TarItem } from "../../system/tar-writer.ts";

/** Leaves every wired interface to DHCP. */
export const NETWORK_SETTINGS: readonly TarItem[] = [
  { kind: "directory", path: "/etc/systemd/network", mode: 0o755 },
  {
    kind: "file",
    path: "/etc/systemd/network/80-vmbuilder-dhcp.network",
    content:
      "# Written by vmbuilder: DHCP on every wired interface, whatever the hypervisor names it\n[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nClientIdentifier=mac\n",
    mode: 0o644,
  },
];

const FOLDER = "/etc/systemd/network";

/** Routes of later interfaces come behind those of the first, so that there is one way out and it is known. */
const FIRST_METRIC = 1024;

/**
 * Settings of systemd-networkd for a machine whose network isn't left to DHCP alone. Cards that nobody described stay with
 * the drop-in that leaves every wired interface to DHCP; it is read after these.
 *
 * @see https://manpages.debian.org/systemd.network, https://manpages.debian.org/systemd.link
 */
export function networkEdits(network: NetworkPlan): FileEdit[] {
  if (usesDhcpAlone(network)) return [];
  const isAlone = network.interfaces.length === 1;
  return network.interfaces.flatMap((one, index) => {
    const name = isAlone ? "70-vmbuilder" : `70-vmbuilder-${index + 1}`;
    const link = one.name === undefined ? [] : [file(`${name}.link`, linkLines(one))];
    return [...link, file(`${name}.network`, networkLines(one, index, isAlone, network.domain))];
  });
}

function networkLines(one: InterfacePlan, index: number, isAlone: boolean, domain: string | undefined): string[] {
  const metric = `RouteMetric=${FIRST_METRIC + index}`;
  const isFirst = index === 0;
  return [
    "# Written by vmbuilder",
    "[Match]",
    // one card is found whatever its hypervisor gives it for a name or an address
    isAlone ? `Name=en* eth*${one.name === undefined ? "" : ` ${one.name}`}` : `MACAddress=${one.mac}`,
    ...(isFirst ? [] : ["", "[Link]", "RequiredForOnline=no"]),
    "",
    "[Network]",
    ...(one.dhcp ? [one.ipv6 === "auto" ? "DHCP=yes" : "DHCP=ipv4"] : []),
    ...(one.ipv6 === "auto" ? [] : ["IPv6AcceptRA=no"]),
    ...(one.ipv6 === "off" ? ["LinkLocalAddressing=no"] : []),
    ...one.addresses.map((address) => `Address=${address}`),
    ...(isFirst ? one.gateways.map((gateway) => `Gateway=${gateway}`) : []),
    ...one.dns.map((server) => `DNS=${server}`),
    ...(domain === undefined || !isFirst ? [] : [`Domains=${domain}`]),
    ...(one.dhcp ? ["", "[DHCPv4]", "ClientIdentifier=mac", ...(isFirst ? [] : [metric])] : []),
    ...(one.ipv6 === "auto" && !isFirst ? ["", "[IPv6AcceptRA]", metric] : []),
    ...(isFirst
      ? []
      : one.gateways.flatMap((gateway) => ["", "[Route]", `Gateway=${gateway}`, `Metric=${FIRST_METRIC + index}`])),
    ...one.routes.flatMap(({ to, via }) => ["", "[Route]", `Destination=${to}`, `Gateway=${via}`]),
  ];
}

function linkLines({ mac, name }: InterfacePlan): string[] {
  return ["# Written by vmbuilder", "[Match]", `MACAddress=${mac}`, "", "[Link]", `Name=${name}`];
}

function file(name: string, lines: readonly string[]): FileEdit {
  return { kind: "file", path: `${FOLDER}/${name}`, content: lines.map((line) => `${line}\n`).join(""), mode: 0o644 };
}
