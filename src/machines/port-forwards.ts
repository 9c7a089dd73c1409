import { VmbuilderError } from "../model/errors.ts";
import type { Qmp } from "../system/qmp.ts";
import type { Forward, Machine, MachineRun } from "./machine.ts";

const SSH_PORT = 22;
/** What qemu's DHCP server gives a machine. */
const GUEST = "10.0.2.15";

/**
 * Lets ports of the host's loopback lead into a machine. qemu binds them itself, so nobody can take one between choosing and
 * using it. ssh gets the port that it had before, if that is still free, else any; ports that were asked for get just these.
 *
 * @throws port-taken
 */
export async function forwardPorts(
  machine: Machine,
  qmp: Qmp,
  portBefore: number | undefined,
): Promise<Pick<MachineRun, "sshPort" | "forwards">> {
  const card = machine.cards.findIndex(({ isUser }) => isUser);
  if (card === -1) return { forwards: [] }; // it is on a bridge, where it has an address of its own
  const address = machine.cards[card]?.guest ?? GUEST;
  const add = async (host: number, guest: number) =>
    (await qmp.human(`hostfwd_add net${card} tcp:127.0.0.1:${host}-${address}:${guest}`)) === "";
  for (const { host, guest } of machine.forwards) {
    if (await add(host, guest)) continue;
    throw new VmbuilderError("port-taken", `port ${host} of this host is taken, so ${machine.name} cannot have it`, {
      hint: "stop what uses it, or give the machine another: --forward HOST:GUEST",
    });
  }
  if (portBefore === undefined || !(await add(portBefore, SSH_PORT))) await add(0, SSH_PORT);
  return readForwards(await qmp.human("info usernet"), machine);
}

/**
 * Reads which ports lead where, as qemu lists them: PROTOCOL[HOST_FORWARD] FD ADDRESS PORT ADDRESS PORT.
 */
export function readForwards(
  listing: string,
  machine: Pick<Machine, "forwards">,
): Pick<MachineRun, "sshPort" | "forwards"> {
  const all = [...listing.matchAll(/^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/gm)].map(
    ([, host, guest]) => ({ host: Number(host), guest: Number(guest) }),
  );
  const isAsked = ({ host, guest }: Forward) =>
    machine.forwards.some((one) => one.guest === guest && (one.host === host || one.host === 0));
  const forwards = all.filter((one) => one.guest !== SSH_PORT || isAsked(one));
  const ssh = all.filter(({ guest }) => guest === SSH_PORT);
  const sshPort = (ssh.find((one) => !isAsked(one)) ?? ssh[0])?.host;
  return { forwards, ...(sshPort === undefined ? {} : { sshPort }) };
}
