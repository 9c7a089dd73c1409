import type { MachineDescription } from "../core/hypervisor.ts";
import { userNetwork } from "../hypervisors/user-network.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { InterfacePlan } from "../model/network.ts";
import { type Forward, MACHINE_VERSION, type MachineSpec } from "./machine.ts";

/** What a machine's specification says beside what its description does. */
export interface SpecRequest {
  readonly origin: string;
  readonly forwards?: readonly Forward[] | undefined;
  readonly owner?: MachineSpec["owner"];
  readonly libvirt?: MachineSpec["libvirt"];
  /** Cards stand in qemu's user network, whatever the recipe says: one that reaches what the host does, or nothing. */
  readonly network?: "open" | "isolated" | undefined;
}

/** What is needed to start a machine, by its description. @throws recipe-invalid */
export function specOf(machine: MachineDescription, request: SpecRequest): MachineSpec {
  const { hostname, architecture, firmware, uuid, recipe, disks, network } = machine;
  return {
    ...{ vmbuilder: MACHINE_VERSION, hostname, createdAt: new Date().toISOString(), origin: request.origin },
    ...{ architecture, firmware, uuid, memoryMb: recipe.mem, cpus: recipe.cpus },
    disks: disks.map(({ name }) => name),
    cards: network.interfaces.map((one, index) => cardOf(one, index, request.network)),
    forwards: [...(request.forwards ?? [])],
    ...(request.owner ? { owner: request.owner } : {}),
    ...(request.libvirt ? { libvirt: request.libvirt } : {}),
  };
}

function cardOf(one: InterfacePlan, index: number, network: SpecRequest["network"]): MachineSpec["cards"][number] {
  const { attachment, mac } = one;
  const own = mac === undefined ? {} : { mac };
  if (network === undefined && attachment.kind === "bridge")
    return { netdev: `bridge,id=net${index},br=${attachment.name}`, isUser: false, ...own };
  if (network === undefined && attachment.kind === "network")
    throw new VmbuilderError("recipe-invalid", `network ${attachment.name} is libvirt's, and this machine is not`, {
      hint: "leave network out, or build it with --libvirt",
    });
  const { options, guest } = userNetwork(one, index);
  const netdev = network === "isolated" ? `${options},restrict=on` : options;
  return { netdev, isUser: true, ...own, ...(guest === "" ? {} : { guest }) };
}
