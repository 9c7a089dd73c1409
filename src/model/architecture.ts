/** Processor architectures of machines, by Debian's names. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;

/** One of {@link ARCHITECTURES}. */
export type Architecture = (typeof ARCHITECTURES)[number];
