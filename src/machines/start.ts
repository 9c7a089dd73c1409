import { access, constants, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { isAlive, signalLasting, startLasting } from "../system/lasting-process.ts";
import { run } from "../system/process.ts";
import { connectQmp, type Qmp } from "../system/qmp.ts";
import { type Accelerator, chooseAccelerator } from "./accelerator.ts";
import { MACHINE_FILES, type Machine, type MachineRun } from "./machine.ts";
import { forwardPorts } from "./port-forwards.ts";
import { type QemuStart, qemuCommand } from "./qemu-command.ts";
import { hostBoot, machineStatus } from "./status.ts";
import { type MachineStore, readRun, withMachineLock, writeRun } from "./store.ts";

/** How to start, beside what the machine itself says. */
export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  readonly loadSnapshot?: string | undefined;
  /** A memory snapshot to go on from. */
  readonly restore?: MemoryRestore | undefined;
}

/** A memory snapshot that a machine goes on from. */
export interface MemoryRestore {
  readonly memoryFile: string;
  readonly accelerator: Accelerator;
  /** Lets qemu read the state of its devices, once it listens. */
  load(qmp: Qmp): Promise<void>;
}

/**
 * Starts a machine's qemu, which then runs by itself, whatever becomes of us. It returns when ports lead into the machine; that
 * it has booted is another matter: see `waitForSsh`.
 *
 * @throws machine-running, port-taken, machine-failed with qemu's words, command-missing, base-missing
 */
export function startMachine(store: MachineStore, machine: Machine, options: StartOptions = {}): Promise<MachineRun> {
  return withMachineLock(store, machine.name, options.signal, async () => {
    const status = await machineStatus(machine);
    if (status.state === "running")
      throw new VmbuilderError("machine-running", `${machine.name} runs already`, {
        hint: `vmbuilder ssh ${machine.name} enters it`,
      });
    return begin(machine, options);
  });
}

async function begin(machine: Machine, { loadSnapshot, restore, signal }: StartOptions): Promise<MachineRun> {
  const { directory } = machine;
  signal?.throwIfAborted();
  const accelerator = restore?.accelerator ?? (await chooseAccelerator(machine.architecture));
  const start: QemuStart = {
    accelerator,
    firmware: await firmwareOf(machine),
    loadSnapshot,
    memoryFile: restore && { path: restore.memoryFile, isShared: false },
    isIncoming: restore !== undefined,
  };
  const before = await readRun(machine);
  await rename(file(machine, "consoleLog"), file(machine, "oldConsoleLog")).catch(() => {}); // the first start has none
  for (const socket of ["pid", "qmp", "console"] as const) await rm(file(machine, socket), { force: true });
  const qemu = await startLasting(qemuCommand(machine, start), directory, file(machine, "log"));
  try {
    const run: MachineRun = {
      ...{ pid: qemu.pid, start: qemu.start, hostBoot: await hostBoot() },
      ...{ startedAt: new Date().toISOString(), accelerator, forwards: [] },
    };
    await writeRun(machine, run);
    const failed = qemu.ended.then(async (how) => {
      throw await startError(machine, how);
    });
    failed.catch(() => {}); // once it runs, its end is for others to find
    const qmp = await Promise.race([connectQmp(directory, MACHINE_FILES.qmp), failed]);
    try {
      await Promise.race([restore?.load(qmp), failed]);
      const ready = { ...run, ...(await forwardPorts(machine, qmp, before?.sshPort)) };
      await writeRun(machine, ready);
      return ready;
    } finally {
      qmp.close();
    }
  } catch (error) {
    await signalLasting(qemu, "SIGKILL");
    while (await isAlive(qemu)) await new Promise((resolve) => setTimeout(resolve, 10));
    await rm(file(machine, "run"), { force: true });
    throw error;
  }
}

function file(machine: Machine, which: keyof typeof MACHINE_FILES): string {
  return join(machine.directory, MACHINE_FILES[which]);
}

/** Puts qemu's last words into an error that says what to do. */
async function startError(machine: Machine, how: string): Promise<VmbuilderError> {
  const said = (await readFile(file(machine, "log"), "utf8").catch(() => "")).trim();
  const last =
    said
      .split("\n")
      .at(-1)
      ?.replace(/^qemu-system-\S+: /, "") ?? "";
  if (/lock on|Is another process using the image/.test(said))
    return new VmbuilderError("machine-running", `another program uses ${machine.name}'s disk`, { detail: said });
  const missing = /Could not open backing file.*Could not open '([^']*)': No such file/s.exec(said)?.[1];
  if (missing !== undefined)
    return new VmbuilderError("base-missing", `the base of ${machine.name} has gone: ${missing}`, {
      hint: `remove the machine and make it again: vmbuilder rm ${machine.name}`,
    });
  return new VmbuilderError("machine-failed", `${machine.name} could not be started: ${last || `qemu ${how}`}`, {
    ...(/allocate memory/.test(said) ? { hint: "stop other machines, or give it less --mem" } : {}),
    detail: said,
  });
}

const OVMF = ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"];
const ARM_FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";
const VARIABLES = "uefi-vars.qcow2";

/** The machine's variables are a qcow2, so that snapshots can hold them. */
async function firmwareOf({ architecture, firmware, directory }: Machine): Promise<QemuStart["firmware"]> {
  if (architecture === "arm64") return { code: ARM_FIRMWARE, variables: "" };
  if (firmware === "bios") return undefined;
  for (const code of OVMF) {
    if (!(await isReadable(code))) continue;
    const variables = join(directory, VARIABLES);
    if (!(await isReadable(variables)))
      await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", code.replace("CODE", "VARS"), variables]);
    return { code, variables: VARIABLES };
  }
  throw new VmbuilderError("command-missing", "there is no UEFI firmware for machines", {
    hint: "run as root: apt install ovmf",
  });
}

function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
