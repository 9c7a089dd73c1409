/**
 * Xen: a raw disk and a configuration for xl, as a fully virtualised machine with paravirtualised disk and network.
 * Example: `vmbuilder build --hypervisor xen --hostname web`, then `xl create web-trixie-amd64-vm/web.cfg`
 * @see https://xenbits.xen.org/docs/unstable/man/xl.cfg.5.html
 */
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { InterfacePlan } from "../model/network.ts";
import { driveLetter } from "./drive-letter.ts";

export const xen: Hypervisor = {
  name: "xen",
  title: "Xen",
  format: "raw",
  architectures: ["amd64"],
  describe: (machine) => [{ name: `${machine.hostname}.cfg`, content: configuration(machine), mode: 0o644 }],
};

function configuration({ recipe, network, firmware, hostname, uuid, disks, directory }: MachineDescription): string {
  const drives = disks.map(
    ({ name }, index) => `  "format=raw, vdev=xvd${driveLetter(index)}, access=rw, target=${join(directory, name)}"`,
  );
  return `# Start it: xl create ${hostname}.cfg, its console: xl console ${hostname}
# The disks are named by their whole path: change it when the folder moves.
name = "${hostname}"
uuid = "${uuid}"
type = "hvm"
firmware = "${firmware === "uefi" ? "ovmf" : "bios"}"
memory = ${recipe.mem}
vcpus = ${recipe.cpus}
disk = [
${drives.join(",\n")}
]
vif = [
${network.interfaces.map(card).join(",\n")}
]
serial = "pty"
vnc = 1
`;
}

/** Xen's customary bridge where the recipe names none. */
function card({ mac, attachment }: InterfacePlan): string {
  const bridge = attachment.kind === "bridge" ? attachment.name : "xenbr0";
  return `  "${mac === undefined ? "" : `mac=${mac}, `}bridge=${bridge}"`;
}
