import type { FileEdit } from "../../model/file-edit.ts";
import type { NetworkPlan } from "../../model/network.ts";
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

/** Read before the drop-in that leaves every wired interface to DHCP. @see https://manpages.debian.org/systemd.network */
const PATH = "/etc/systemd/network/70-vmbuilder.network";

/** Settings of systemd-networkd for a machine whose network isn't left to DHCP alone. */
export function networkEdits(network: NetworkPlan | undefined): FileEdit[] {
  if (!network) return [];
  const { address, gateway, dns, domain } = network;
  const lines = [
    "# Written by vmbuilder: the wired interface, whatever the hypervisor names it",
    "[Match]",
    "Name=en* eth*",
    "",
    "[Network]",
    address === undefined ? "DHCP=yes" : `Address=${address}`,
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...dns.map((server) => `DNS=${server}`),
    ...(domain === undefined ? [] : [`Domains=${domain}`]),
    ...(address === undefined ? ["", "[DHCPv4]", "ClientIdentifier=mac"] : []),
    "",
  ];
  return [{ kind: "file", path: PATH, content: lines.join("\n"), mode: 0o644 }];
}
