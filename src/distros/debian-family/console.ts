import type { TreeFacts } from "../../core/distro.ts";
import { ARCHITECTURES, type Architecture } from "../../model/architecture.ts";

/** How a machine's screen and serial line are told to its kernel and its boot loader. */
interface Consoles {
  /** Arguments of the kernel, the last of which is where the system's own messages go. */
  readonly kernel: string;
  /** Whether GRUB drives the serial line itself. Where there is always UEFI, that writes to both. */
  readonly hasLoaderSerial: boolean;
}

const CONSOLES: Record<Architecture, Consoles> = {
  amd64: { kernel: "console=tty0 console=ttyS0,115200n8", hasLoaderSerial: true },
  arm64: { kernel: "console=tty0 console=ttyAMA0,115200n8", hasLoaderSerial: false },
  riscv64: { kernel: "console=tty0 console=ttyS0,115200n8", hasLoaderSerial: false },
};

/** The consoles of an architecture's machines. */
export function consolesOf(architecture: Architecture): Consoles {
  return CONSOLES[architecture];
}

/** The architecture of a tree, which its packages tell. */
export function architectureOf({ packages }: Pick<TreeFacts, "packages">): Architecture {
  return ARCHITECTURES.find((name) => packages.some(({ architecture }) => architecture === name)) ?? "amd64";
}
