import type { Architecture } from "../../model/architecture.ts";

/** What an architecture's machines are booted with. */
interface BootParts {
  /** How a kernel's file in /boot begins. That of riscv64 is none that unpacks itself. */
  readonly kernel: "vmlinuz" | "vmlinux";
  /** GRUB's name of its image for UEFI, and of the folder of its modules. */
  readonly efi: string;
}

/** By architecture; amd64 alone starts by BIOS, too. */
export const BOOT_PARTS: Record<Architecture, BootParts> = {
  amd64: { kernel: "vmlinuz", efi: "x86_64-efi" },
  arm64: { kernel: "vmlinuz", efi: "arm64-efi" },
  riscv64: { kernel: "vmlinux", efi: "riscv64-efi" },
};
