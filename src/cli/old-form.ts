import { homedir } from "node:os";
import { join } from "node:path";

/** Name of the command that stands for `vmbuilder HYPERVISOR DISTRO`; the hypervisors' names are its aliases. */
export const OLD_FORM = "HYPERVISOR";
/** The other name of the program, under which bin/vmbuilder gives itself as the first argument. */
export const UBUNTU_PROGRAM = "ubuntu-vm-builder";

/** What the old tool made machines for. */
export const OLD_HYPERVISORS = ["kvm", "qemu", "vmw6", "vmserver", "esxi", "vbox", "xen"];

/**
 * Puts the arguments of the old form in the order in which commands want them: the old tool took options before its two
 * names, too.
 *
 * @param args without the program's name
 */
export function arrangeOldForm(args: readonly string[]): string[] {
  const [first, ...rest] = args;
  if (first === UBUNTU_PROGRAM) return [UBUNTU_PROGRAM, ...namesFirst(rest)];
  return first?.startsWith("-") ? namesFirst(args) : [...args];
}

/** Moves the first hypervisor's name and the word after it to the front. */
function namesFirst(args: readonly string[]): string[] {
  const at = args.findIndex((arg, index) => {
    const next = args[index + 1];
    return OLD_HYPERVISORS.includes(arg) && next !== undefined && !next.startsWith("-");
  });
  return at <= 0 ? [...args] : [...args.slice(at, at + 2), ...args.slice(0, at), ...args.slice(at + 2)];
}

/** Where the old tool looked by itself, the more particular last. */
export function oldConfigFiles(): string[] {
  return ["/etc/vmbuilder.cfg", join(homedir(), ".vmbuilder.cfg")];
}
