import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { bridgeCard, fileSource, formatDomain } from "../hypervisors/libvirt.ts";
import { escapeXml } from "../hypervisors/xml.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { LastingProcess } from "../system/lasting-process.ts";
import { CommandError } from "../system/process.ts";
import { virsh, virshComplaint, virshSucceeds } from "../system/virsh.ts";
import { LIBVIRT_SESSION, MACHINE_FILES, type Machine } from "./machine.ts";
import { cardArguments, firmwareArguments, handles, type QemuStart } from "./qemu-command.ts";
import { machineStatus } from "./status.ts";

/** What the address of a UNIX socket has room for; see unix(7). */
const LONGEST_SOCKET_BYTES = 107;

const SETTLING_MS = 30_000;
const POLL_MS = 100;
/** Of the root bus: libvirt gives its own devices those below. */
const FIRST_SLOT = 0x10;

/**
 * Looks whether a machine of this name can be made in the user's libvirt.
 *
 * @throws usage for another libvirt, libvirt-unreachable, machine-exists
 */
export async function checkLibvirtFor(
  uri: string,
  { name, directory }: Pick<Machine, "name" | "directory">,
  signal: AbortSignal,
): Promise<void> {
  if (uri !== LIBVIRT_SESSION)
    throw new VmbuilderError("usage", `up runs machines in ${LIBVIRT_SESSION}, not in ${uri}`, {
      hint: `give --libvirt ${LIBVIRT_SESSION}, or put it there by: vmbuilder build --libvirt ${uri}`,
    });
  if (process.getuid?.() === 0)
    throw new VmbuilderError("usage", `root has no ${LIBVIRT_SESSION}`, {
      hint: "run it as an ordinary user, or put the machine into libvirt by: vmbuilder build --libvirt qemu:///system",
    });
  const longest = join(directory, MACHINE_FILES.console);
  if (Buffer.byteLength(longest) > LONGEST_SOCKET_BYTES)
    throw new VmbuilderError("path-unusable", `${longest} is too long for a socket, which libvirt wants there`, {
      hint: "choose a shorter --machine name, or a shorter VMBUILDER_STATE_DIR",
    });
  await inLibvirt(["uri"], "does not answer", signal);
  if (await virshSucceeds(LIBVIRT_SESSION, ["domstate", name], signal))
    throw new VmbuilderError("machine-exists", `libvirt has a machine named ${name} already`, {
      hint: `choose another --machine, or remove it: virsh -c ${LIBVIRT_SESSION} undefine ${name}`,
    });
}

/**
 * Starts a machine's qemu through libvirt, which then shows it, and watches it, as one of its own. It has the same monitor,
 * console and pid file as one that we start, by which everything else works alike.
 *
 * @throws machine-failed with libvirt's words, libvirt-unreachable
 */
export async function launchInLibvirt(
  machine: Machine,
  start: QemuStart,
): Promise<LastingProcess & { readonly failed: Promise<never> }> {
  const { name, directory } = machine;
  const description = join(directory, MACHINE_FILES.domain);
  await writeFile(description, describeDomain(machine, start));
  const { signal } = new AbortController();
  await inLibvirt(["define", "--validate", description], `does not take ${name}`, signal);
  await settleInLibvirt(machine);
  const paused = start.loadSnapshot === undefined ? [] : ["--paused"];
  await inLibvirt(["start", ...paused, name], `could not start ${name}`, signal);
  const status = await machineStatus(machine);
  if (status.state === "stopped")
    throw new VmbuilderError("machine-failed", `${name} ended at once`, {
      hint: `what libvirt knows: virsh -c ${LIBVIRT_SESSION} domstate --reason ${name}`,
    });
  return { ...status.process, failed: new Promise<never>(() => {}) };
}

/** Switches a machine off. That it doesn't run is fine. */
export async function endInLibvirt({ uuid }: Pick<Machine, "uuid">): Promise<void> {
  await virshSucceeds(LIBVIRT_SESSION, ["destroy", uuid], new AbortController().signal);
}

/** Waits until libvirt has seen a machine's end, too: until then it takes it for a running one. */
export async function settleInLibvirt({ uuid }: Pick<Machine, "uuid">): Promise<void> {
  const { signal } = new AbortController();
  for (const until = Date.now() + SETTLING_MS; Date.now() < until; await delay(POLL_MS)) {
    const { stdout } = await virsh(LIBVIRT_SESSION, ["domstate", uuid], signal).catch(() => ({ stdout: "" }));
    if (!/running|shutdown/.test(stdout)) return;
  }
}

/** Lets libvirt forget a machine that doesn't run. That it knows none is fine. */
export async function forgetInLibvirt({ name, uuid }: Pick<Machine, "name" | "uuid">): Promise<void> {
  const { signal } = new AbortController();
  await settleInLibvirt({ uuid });
  const isKnown = await virshSucceeds(LIBVIRT_SESSION, ["domstate", uuid], signal);
  if (isKnown) await inLibvirt(["undefine", uuid], `does not forget ${name}`, signal);
}

/** Pure. */
function describeDomain(machine: Machine, { accelerator, firmware }: QemuStart): string {
  const { name, uuid, architecture, memoryMb, cpus, directory } = machine;
  const at = (file: string) => join(directory, file);
  const files = firmware && { ...firmware, variables: at(firmware.variables) };
  return formatDomain({
    ...{ name, uuid, architecture, memoryMb, cpus },
    hasKvm: accelerator === "kvm",
    isUefi: false, // its variables are ours, where snapshots can hold them
    disks: machine.disks.map((disk) => fileSource(at(disk))),
    cards: machine.cards.flatMap(({ netdev, mac }) => {
      const bridge = bridgeOf(netdev);
      return bridge === undefined ? [] : [bridgeCard(bridge, mac)];
    }),
    console: `    <serial type='unix'>
      <source mode='bind' path="${escapeXml(at(MACHINE_FILES.console))}"/>
      <log file="${escapeXml(at(MACHINE_FILES.consoleLog))}" append='off'/>
    </serial>`,
    screen: at(MACHINE_FILES.screen),
    qemuArguments: [
      ...handles(at(MACHINE_FILES.pid), at(MACHINE_FILES.qmp)),
      ...firmwareArguments(machine, files),
      ...machine.cards.flatMap(({ netdev, mac }, index) =>
        bridgeOf(netdev) === undefined ? cardArguments(netdev, mac, index, FIRST_SLOT + index) : [],
      ),
    ],
  });
}

function bridgeOf(netdev: string): string | undefined {
  return /^bridge,.*\bbr=(.*)$/.exec(netdev)?.[1];
}

async function inLibvirt(args: readonly string[], failure: string, signal: AbortSignal): Promise<void> {
  try {
    await virsh(LIBVIRT_SESSION, args, signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    const complaint = virshComplaint(cause);
    const isAway = /connect/i.test(complaint);
    throw new VmbuilderError(isAway ? "libvirt-unreachable" : "machine-failed", `libvirt ${failure}: ${complaint}`, {
      hint: isAway
        ? "its daemon must be installed: apt install libvirt-daemon-system libvirt-clients"
        : "what it knows is in ~/.cache/libvirt/qemu/log",
      detail: cause.stderr,
      cause,
    });
  }
}
