import type { FileEdit } from "../../model/file-edit.ts";
import type { NetworkPlan } from "../../model/network.ts";

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
