import { access, constants, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type LastingProcess, startLasting } from "../system/lasting-process.ts";
import { DIE_WITH_US, run } from "../system/process.ts";
import { launchInLibvirt } from "./libvirt-machine.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { type QemuStart, qemuCommand } from "./qemu-command.ts";

/**
 * Starts qemu in the machine's folder. `failed` is rejected, with qemu's words, as soon as it ends.
 *
 * @param endsWithUs whether it must not outlive this program, however that ends
 */
export async function launchQemu(
  machine: Machine,
  start: Omit<QemuStart, "firmware">,
  endsWithUs = false,
): Promise<LastingProcess & { readonly failed: Promise<never> }> {
  const firmware = await firmwareOf(machine);
  await rename(file(machine, "consoleLog"), file(machine, "oldConsoleLog")).catch(() => {}); // the first start has none
  for (const name of ["pid", "qmp", "console", "renewal", "ssh", "screen"] as const)
    await rm(file(machine, name), { force: true });
  if (machine.libvirt !== undefined) return launchInLibvirt(machine, { ...start, firmware });
  const command = [...(endsWithUs ? DIE_WITH_US : []), ...qemuCommand(machine, { ...start, firmware })];
  const { ended, ...qemu } = await startLasting(command, machine.directory, file(machine, "log"));
  const failed = ended.then(async (how) => {
    throw await startError(machine, how);
  });
  failed.catch(() => {}); // once it runs, its end is for others to find
  return { ...qemu, failed };
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
/** U-Boot, whose UEFI starts what lies at the removable medium's path. */
const RISCV_FIRMWARE = "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf";
/** The machine's own variables of UEFI. */
export const UEFI_VARIABLES = "uefi-vars.qcow2";

/** The machine's variables are a qcow2, so that snapshots can hold them. */
async function firmwareOf({ architecture, firmware, directory }: Machine): Promise<QemuStart["firmware"]> {
  if (architecture === "arm64") return { code: ARM_FIRMWARE, variables: "" };
  if (architecture === "riscv64") return { code: RISCV_FIRMWARE, variables: "" };
  if (firmware === "bios") return undefined;
  for (const code of OVMF) {
    if (!(await isReadable(code))) continue;
    const variables = join(directory, UEFI_VARIABLES);
    if (!(await isReadable(variables)))
      await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", code.replace("CODE", "VARS"), variables]);
    return { code, variables: UEFI_VARIABLES };
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
