import { escapeControls } from "../../model/escape-controls.ts";
import { formatBytes } from "../../model/size.ts";
import type { Preview, PreviewStep } from "../../stages/preview.ts";

const MOST_NAMES = 10;

/** Writes what a build would fetch and do, below its plan. */
export function formatPreview({ packages, downloadBytes, steps }: Preview): string {
  const isInstalled = steps.some(({ step, isCached }) => step === "install" && isCached);
  const missing = packages.filter(({ isCached }) => !isCached).sort((a, b) => b.sizeBytes - a.sizeBytes);
  const total = packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const installed = packages.reduce((sum, { installedSizeBytes }) => sum + installedSizeBytes, 0);
  const largest = downloadBytes === 0 ? [] : missing.slice(0, MOST_NAMES);
  const nameColumns = Math.max(0, ...largest.map(({ name }) => name.length));
  const rest = missing.length - largest.length;
  const lines = [
    "",
    `${packages.length} packages, ${formatBytes(total)}; installed ${formatBytes(installed)}`,
    `  to download: ${downloadBytes === 0 ? `nothing${isInstalled ? ", the system is in the cache" : ""}` : `${formatBytes(downloadBytes)}, the largest:`}`,
    ...largest.map(({ name, version, sizeBytes }) => {
      return `    ${name.padEnd(nameColumns)}  ${formatBytes(sizeBytes).padStart(9)}  ${escapeControls(version)}`;
    }),
    ...(largest.length > 0 && rest > 0 ? [`    and ${rest} more`] : []),
    "",
    "Steps",
    ...steps.map((step) => `  ${step.title.padEnd(18)}${describeStep(step)}`),
    `  ${"Write the identity".padEnd(18)}  always done`,
  ];
  return `${lines.join("\n")}\n`;
}

function describeStep({ isCached, added }: PreviewStep): string {
  if (isCached) return "  in the cache";
  return added === undefined ? "  to be done" : `  to be done: ${added} packages on a cached system`;
}
