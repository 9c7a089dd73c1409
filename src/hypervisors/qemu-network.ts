import type { InterfacePlan, NetworkPlan } from "../model/network.ts";
import { userNetwork } from "./user-network.ts";

/** A start script's lines about network cards: for the remarks at its top, and those that add `-netdev` arguments. */
export interface NetworkLines {
  readonly remarks: readonly string[];
  readonly commands: readonly string[];
}

/**
 * One card for each interface. The first is reached by ssh from the host, unless it is on a bridge; each of the others has a
 * user network of its own, or its bridge. Bridges are opened by qemu's setuid helper, so that the script needs no root.
 *
 * @see https://manpages.debian.org/qemu-bridge-helper
 */
export function networkLines({ interfaces }: NetworkPlan): NetworkLines {
  const cards = interfaces.map((one, index) => card(one, index));
  const isReached = interfaces[0]?.attachment.kind === "user";
  const onBridge = interfaces.some(({ attachment }) => attachment.kind !== "user");
  return {
    remarks: [
      ...(isReached
        ? ["#   SSH_PORT=2222   host port that reaches the machine's ssh (default 2222; none switches it off)"]
        : []),
      ...(onBridge ? ["# Bridges are opened by qemu-bridge-helper: /etc/qemu/bridge.conf must say: allow NAME"] : []),
    ],
    // each puts its arguments before those that are there
    commands: cards.reverse().flat(),
  };
}

function card(one: InterfacePlan, index: number): string[] {
  const { attachment, mac } = one;
  const device = `-device virtio-net-pci,netdev=net${index}${mac === undefined ? "" : `,mac=${mac}`}`;
  if (attachment.kind === "bridge")
    return [`set -- -netdev bridge,id=net${index},br=${attachment.name} ${device} "$@"`];
  if (attachment.kind === "network")
    return [
      `bridge=$(virsh --connect qemu:///system net-info ${attachment.name} | sed -n 's/^Bridge: *//p')`,
      `[ "$bridge" ] || { echo "run.sh: libvirt has no network ${attachment.name} with a bridge" >&2; exit 1; }`,
      `set -- -netdev "bridge,id=net${index},br=$bridge" ${device} "$@"`,
    ];
  const { options, guest } = userNetwork(one, index);
  if (index > 0) return [`set -- -netdev ${options} ${device} "$@"`];
  return [
    `port=\${SSH_PORT:-2222}`,
    `net=${options}`,
    `[ "$port" = none ] || net=$net,hostfwd=tcp:127.0.0.1:$port-${guest}:22`,
    `set -- -netdev "$net" ${device} "$@"`,
  ];
}
