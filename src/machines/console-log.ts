import { open } from "node:fs/promises";
import { join } from "node:path";
import { MACHINE_FILES, type Machine } from "./machine.ts";

const TAIL_BYTES = 16 * 1024;

/** The last lines of a machine's serial console, without colours and cursor movements. */
export async function consoleTail({ directory }: Pick<Machine, "directory">, lines = 15): Promise<string> {
  return plainText(await readTail(join(directory, MACHINE_FILES.consoleLog)))
    .trimEnd()
    .split("\n")
    .slice(-lines)
    .join("\n");
}

/** Terminal output as plain lines. */
export function plainText(text: string): string {
  return text
    .replace(
      /\u001b\][^\u0007\u001b]*(\u0007|\u001b\\)|\u001b[PX^_].*?\u001b\\|\u001b\[[0-9;?]*[@-~]|\u001b[ -/]*[0-~]/g,
      "",
    )
    .replace(/\r+\n/g, "\n")
    .replace(/^.*\r(?=.)/gm, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}

async function readTail(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return "";
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What a console shows when a machine will never be ready. */
const FATAL: readonly [RegExp, string][] = [
  [/Kernel panic - not syncing/, "its kernel panicked"],
  [
    /Gave up waiting for (the )?root|ALERT! .* does not exist\. +Dropping to a shell/,
    "it did not find its root file system",
  ],
  [
    /You are in emergency mode|Cannot open access to console, the root account is locked/,
    "it stopped in emergency mode",
  ],
  [/grub rescue>|error: no such (device|partition)|Entering rescue mode/, "its boot loader found no system"],
  [/No bootable device|Boot failed: not a bootable disk/, "its disk holds nothing that boots"],
];

/** Says why a machine that shows this will never be ready, if it is so. */
export function fatalSign(consoleText: string): string | undefined {
  return FATAL.find(([pattern]) => pattern.test(consoleText))?.[1];
}
