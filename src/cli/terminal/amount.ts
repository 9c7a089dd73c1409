import { formatBytes } from "../../model/size.ts";
import type { StepProgress } from "../../model/step-board.ts";

/** How much is done of how much, in the total's unit: `0.8 / 71 MB`, `61 / 142`; only what's done if there's no total. */
export function formatDoneOfTotal({ done, total, unit }: StepProgress): string {
  const totalText = unit === "bytes" ? formatBytes(total) : String(total);
  if (total <= 0) return unit === "bytes" ? formatBytes(done) : String(done);
  return `${unit === "bytes" ? inUnitOf(done, totalText) : done} / ${totalText}`;
}

/** Speed: `38 MB/s`, `12.5/s`. */
export function formatRate(rate: number, unit: StepProgress["unit"]): string {
  if (unit === "bytes") return `${formatBytes(rate)}/s`;
  return `${rate.toFixed(rate < 9.95 ? 1 : 0)}/s`;
}

/** What a finished step went through: `71 MB`, `142 packages`. */
export function formatTotal({ done, unit }: StepProgress): string {
  if (unit === "bytes") return formatBytes(done);
  return `${done} ${done === 1 ? unit.slice(0, -1) : unit}`;
}

function inUnitOf(bytes: number, totalText: string): string {
  const power = ["B", "kB", "MB", "GB", "TB"].indexOf(totalText.split(" ")[1] ?? "B");
  const value = bytes / 1000 ** power;
  return value.toFixed(value < 9.95 && power > 0 ? 1 : 0);
}
