import { access, constants, readFile } from "node:fs/promises";
import type { Architecture } from "../model/architecture.ts";
import { hostArchitecture } from "../system/foreign-programs.ts";

/** What runs a machine's instructions: the processor itself by KVM, or qemu's translator. */
export type Accelerator = "kvm" | "tcg";

/** How much longer all takes under software emulation: deadlines are multiplied by it. */
const SLOWNESS: Record<Accelerator, number> = { kvm: 1, tcg: 6 };

/**
 * KVM where it runs guests of this architecture on the processor itself. On a PC without vmx or svm, /dev/kvm can be one that
 * interprets boot code, for minutes.
 *
 * @param asked `ACCEL` of the environment, as the start script has it
 */
export async function chooseAccelerator(
  architecture: Architecture,
  asked: string | undefined = process.env.ACCEL,
): Promise<Accelerator> {
  if (asked === "kvm" || asked === "tcg") return asked;
  if (architecture !== hostArchitecture()) return "tcg";
  const usable = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!usable) return "tcg";
  if (architecture !== "amd64") return "kvm";
  const processors = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(processors) ? "kvm" : "tcg";
}

/** A deadline for a machine: what KVM needs, stretched for software emulation. */
export function scaleDeadline(kvmMs: number, accelerator: Accelerator): number {
  return kvmMs * SLOWNESS[accelerator];
}
