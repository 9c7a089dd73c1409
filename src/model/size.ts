import { VmbuilderError } from "./errors.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const UNITS: Record<string, number> = { K: KIB, M: MIB, G: GIB, T: 1024 * GIB };
const SIZE_PATTERN = /^(\d{1,9})(?:\.(\d{1,3}))?\s*([KMGT])?(?:i?B)?$/i;

/**
 * Reads a size such as `4G`, `512M`, `1.5GiB`; a bare number means MiB, as the old tool had it.
 *
 * @returns whole bytes
 * @throws recipe-invalid when the text is no size
 */
export function parseSize(text: string | number): number {
  const match = SIZE_PATTERN.exec(String(text).trim());
  if (!match) {
    throw new VmbuilderError("recipe-invalid", `"${text}" is not a size`, {
      hint: "write a number with K, M, G or T, for example 4G; a bare number means MiB",
    });
  }
  const unit = UNITS[(match[3] ?? "M").toUpperCase()] ?? MIB;
  return Math.round(Number(`${match[1]}.${match[2] ?? "0"}`) * unit);
}

/** Formats bytes for people: `1.4 GB`, `72 MB`, `830 B` (decimal units, as download sizes are given). */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let index = 0;
  while (value >= 999.5 && index < units.length - 1) {
    value /= 1000;
    index++;
  }
  return `${value.toFixed(value < 9.95 && index > 0 ? 1 : 0)} ${units[index]}`;
}

/** Formats a binary size exactly where it can be: `4 GiB`, `1536 MiB`. */
export function formatSize(bytes: number): string {
  if (bytes % GIB === 0) return `${bytes / GIB} GiB`;
  return `${Math.round(bytes / MIB)} MiB`;
}
