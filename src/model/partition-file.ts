import { VmbuilderError } from "./errors.ts";
import { MIB } from "./size.ts";
import type { DiskRequest, PartitionRequest, Refuse } from "./storage-request.ts";

/** The disks that a partition file describes, and what refuses them with the line where they are wrong. */
export interface PartitionFile {
  readonly disks: readonly DiskRequest[];
  readonly refuse: Refuse;
}

const HINT = "a line is: MOUNTPOINT SIZE, root SIZE or swap SIZE, the size in MB; --- begins the next disk";

/**
 * Reads a partition file: lines `/srv 1000`, `root 4000`, `swap 1000` with sizes in MB; `---` begins the next disk.
 *
 * @param file its name, for messages
 * @throws storage-impossible with the place
 */
export function parsePartitionFile(text: string, file: string): PartitionFile {
  const disks: { partitions: PartitionRequest[]; lines: number[]; line: number }[] = [];
  const refuseAt = (line: number, message: string, hint = HINT): never => {
    throw new VmbuilderError("storage-impossible", `${file}:${line}: ${message}`, { hint });
  };
  let current = { partitions: [] as PartitionRequest[], lines: [] as number[], line: 1 };
  disks.push(current);
  for (const [index, written] of text.split("\n").entries()) {
    const line = index + 1;
    const words = written.replace(/#.*/, "").trim().split(/\s+/);
    const [what = "", sizeText = ""] = words;
    if (what === "") continue;
    if (what === "---" && words.length === 1) {
      current = { partitions: [], lines: [], line };
      disks.push(current);
      continue;
    }
    if (words.length !== 2) refuseAt(line, `"${written.trim()}" is no line of a partition file`);
    if (!/^\d{1,8}$/.test(sizeText)) refuseAt(line, `"${sizeText}" is no size in MB`);
    if (!/^(root|swap|\/.*)$/.test(what)) refuseAt(line, `"${what}" is neither a mount point, nor root or swap`);
    const mount = what === "root" ? "/" : what === "swap" ? undefined : what;
    const volume = { fs: mount === undefined ? ("swap" as const) : ("ext4" as const), mount, options: [] };
    current.partitions.push({ sizeBytes: Number(sizeText) * MIB, volume });
    current.lines.push(line);
  }
  const refuse: Refuse = ([disk, , partition], message, hint) => {
    const found = disks[Number(disk ?? 0)];
    return refuseAt(found?.lines[Number(partition)] ?? found?.line ?? 1, message, hint);
  };
  return { disks, refuse };
}
