/** Processor architectures of machines, by Debian's names. */
export const ARCHITECTURES = ["amd64", "arm64", "riscv64"] as const;

/** One of {@link ARCHITECTURES}. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** Their processors' names, as QEMU, libvirt and uname(1) have them. */
export const PROCESSOR_NAMES = { amd64: "x86_64", arm64: "aarch64", riscv64: "riscv64" } as const satisfies Record<
  Architecture,
  string
>;
