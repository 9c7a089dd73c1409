import { VmbuilderError } from "../model/errors.ts";

/** Name of the command that stands for `vmbuilder HYPERVISOR DISTRO`; the hypervisors' names are its aliases. */
export const OLD_FORM = "HYPERVISOR";
/** The other name of the program, under which bin/vmbuilder gives itself as the first argument. */
export const UBUNTU_PROGRAM = "ubuntu-vm-builder";

/** What the old tool made machines for. */
const OLD_HYPERVISORS = ["kvm", "qemu", "vmw6", "vmserver", "esxi", "vbox", "xen"];

/**
 * Puts the arguments of the old form in the order in which commands want them: the old tool took options before its two
 * names, too.
 *
 * @param args without the program's name
 * @throws usage for a hypervisor that the old tool knew and this one doesn't yet
 */
export function arrangeOldForm(args: readonly string[], hypervisors: readonly string[]): string[] {
  const [first, ...rest] = args;
  if (first === UBUNTU_PROGRAM) {
    const arranged = namesFirst(rest);
    if (arranged[0]?.startsWith("-") === false) checkKnown(arranged[0], hypervisors);
    return [UBUNTU_PROGRAM, ...arranged];
  }
  const arranged = first?.startsWith("-") ? namesFirst(args) : [...args];
  if (OLD_HYPERVISORS.includes(arranged[0] ?? "")) checkKnown(arranged[0] ?? "", hypervisors);
  return arranged;
}

/** Moves the first hypervisor's name and the word after it to the front. */
function namesFirst(args: readonly string[]): string[] {
  const at = args.findIndex((arg, index) => {
    const next = args[index + 1];
    return OLD_HYPERVISORS.includes(arg) && next !== undefined && !next.startsWith("-");
  });
  return at <= 0 ? [...args] : [...args.slice(at, at + 2), ...args.slice(0, at), ...args.slice(at + 2)];
}

function checkKnown(name: string, hypervisors: readonly string[]): void {
  if (hypervisors.includes(name)) return;
  const isOld = OLD_HYPERVISORS.includes(name);
  throw new VmbuilderError(
    "usage",
    isOld ? `there are no machines for ${name} yet` : `there is no hypervisor "${name}"`,
    {
      hint: `choose one of: ${hypervisors.join(", ")}`,
    },
  );
}
