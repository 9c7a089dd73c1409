import { chmod, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type FileEdit, isGuestPath } from "../model/file-edit.ts";
import type { DiskIds } from "../model/identity.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import { makeSparseFile } from "./disk-image.ts";
import { OWN_MOUNTS, startInNamespace } from "./namespace.ts";

/** What makes a thin image over a base disk one machine's disk. */
export interface DiskIdentity {
  readonly base: string;
  readonly baseFormat: "raw" | "qcow2";
  /** The qcow2 that is made; it holds only what differs from the base, which must never change from now on. */
  readonly overlay: string;
  readonly plan: DiskPlan;
  readonly ids: DiskIds;
  readonly edits: readonly FileEdit[];
  /** Time stamp of the written files. */
  readonly atSeconds: number;
  /** Folder for temporary files. */
  readonly scratch: string;
}

/** Both copies of the partition table: what sfdisk writes into an empty file, without the boot code before it. */
const BOOT_CODE_BYTES = 440;
const PRIMARY_BYTES = 34 * SECTOR_BYTES;
const BACKUP_BYTES = 33 * SECTOR_BYTES;
const SWAP_HEADER_BYTES = 4096;
/** Offset of the serial number in a FAT12 or FAT16 boot sector. */
const FAT_SERIAL_OFFSET = 0x27;

/**
 * All of it in one shell, since starting a process from here costs more than each step. The overlay is served as a plain
 * file through FUSE, in a mount namespace that nobody else sees. tune2fs comes last: it also brings the backup superblocks
 * in line, or the first boot would check all of the disk.
 */
const WRITE_IDENTITY = `
set -e
cd "$1"
base=$2 format=$3 overlay=$4 root=$5 uuid=$6 swapbytes=$7 swapuuid=$8
read -r ready
sfdisk --quiet --no-reread --no-tell-kernel table <table.sfdisk &
table=$!
swap=
if [ "$swapbytes" != 0 ]; then
  truncate -s "$swapbytes" swap
  mkswap --uuid "$swapuuid" swap >/dev/null &
  swap=$!
fi
qemu-img create -q -f qcow2 -F "$format" -b "$base" "$overlay"
qemu-storage-daemon --daemonize --pidfile daemon.pid --blockdev driver=file,node-name=file,filename="$overlay" \\
  --blockdev driver=qcow2,node-name=disk,file=file --export type=fuse,id=disk,node-name=disk,mountpoint="$PWD/disk",writable=on
daemon=$(cat daemon.pid)
trap 'kill "$daemon"; while kill -0 "$daemon" 2>/dev/null; do sleep 0.002; done' EXIT
wait "$table"
[ -z "$swap" ] || wait "$swap"
while read -r file from to count; do
  dd if="$file" of=disk bs=64K iflag=skip_bytes,count_bytes oflag=seek_bytes skip="$from" seek="$to" count="$count" conv=notrunc status=none
done <copies
debugfs -w -f commands "disk?offset=$root" >/dev/null
tune2fs -U "$uuid" "disk?offset=$root" >/dev/null
`;

/**
 * Makes a machine's disk: a qcow2 over the base with ids and files of its own. Nothing is mounted but in a namespace, no
 * rights are needed, and links inside the file system are never followed out of it.
 *
 * @throws command-failed, disk-full
 * @see https://manpages.debian.org/qemu-storage-daemon, https://manpages.debian.org/debugfs
 */
export async function writeDiskIdentity(identity: DiskIdentity, signal: AbortSignal): Promise<void> {
  const { base, baseFormat, overlay, plan, ids, scratch } = identity;
  const root = partitionOf(plan, "root");
  const swap = plan.partitions.find(({ role }) => role === "swap");
  const swapBytes = swap ? swap.sizeSectors * SECTOR_BYTES : 0;
  const options = [scratch, base, baseFormat, overlay, offsetOf(root), ids.rootUuid, swapBytes, ids.swapUuid];
  const starting = startInNamespace([...OWN_MOUNTS, "sh", "-c", WRITE_IDENTITY, "sh", ...options.map(String)], {
    signal,
    captureStdout: true,
  });
  starting.catch(() => {}); // awaited below; the files are written meanwhile
  await writeInputs(identity);
  const running = await starting;
  running.stdin.end("ready\n");
  await running.done;
}

async function writeInputs({ plan, ids, edits, atSeconds, scratch }: DiskIdentity): Promise<void> {
  const esp = partitionOf(plan, "esp");
  const swap = plan.partitions.find(({ role }) => role === "swap");
  const backup = plan.sizeBytes - BACKUP_BYTES;
  const serial = Buffer.alloc(4);
  serial.writeUInt32LE(Number.parseInt(ids.espSerial, 16));
  const copies = [
    `table ${BOOT_CODE_BYTES} ${BOOT_CODE_BYTES} ${PRIMARY_BYTES - BOOT_CODE_BYTES}`,
    `table ${backup} ${backup} ${BACKUP_BYTES}`,
    ...(swap ? [`swap 0 ${offsetOf(swap)} ${SWAP_HEADER_BYTES}`] : []),
    `serial 0 ${offsetOf(esp) + FAT_SERIAL_OFFSET} ${serial.length}`,
  ];
  const commands = await Promise.all(edits.map((edit, i) => debugfsCommands(edit, join(scratch, `edit-${i}`))));
  await Promise.all([
    writeFile(join(scratch, "disk"), ""),
    makeSparseFile(join(scratch, "table"), plan.sizeBytes),
    writeFile(join(scratch, "table.sfdisk"), sfdiskScript(plan, ids)),
    writeFile(join(scratch, "serial"), serial),
    writeFile(join(scratch, "copies"), copies.map((line) => `${line}\n`).join("")),
    writeFile(join(scratch, "commands"), [`set_current_time @${atSeconds}`, ...commands.flat(), ""].join("\n")),
  ]);
}

function offsetOf(partition: { startSector: number }): number {
  return partition.startSector * SECTOR_BYTES;
}

function sfdiskScript(plan: DiskPlan, ids: DiskIds): string {
  const lines = plan.partitions.map(
    (one) =>
      `${one.number} : start=${one.startSector}, size=${one.sizeSectors}, type=${one.typeGuid}, uuid=${ids.partitionGuids[one.role] ?? ""}`,
  );
  return `label: gpt\nlabel-id: ${ids.diskGuid}\nunit: sectors\n\n${lines.join("\n")}\n`;
}

/** A new file takes its mode from its source, and belongs to root unless told otherwise. */
async function debugfsCommands(edit: FileEdit, source: string): Promise<string[]> {
  if (!isGuestPath(edit.path)) throw new VmbuilderError("recipe-invalid", `"${edit.path}" cannot be a path in a guest`);
  const path = `"${edit.path}"`;
  switch (edit.kind) {
    case "remove":
      return [`rm ${path}`];
    case "directory":
      return [
        `mkdir ${path}`,
        `set_inode_field ${path} mode 0${(0o040000 | edit.mode).toString(8)}`,
        ...ownership(path, edit),
      ];
    case "symlink":
      return [`rm ${path}`, `symlink ${path} "${edit.target}"`];
    case "file":
      await writeFile(source, edit.content, { mode: 0o600 });
      await chmod(source, edit.mode);
      return [
        `rm ${path}`,
        `cd "${dirname(edit.path)}"`,
        `write "${source}" "${basename(edit.path)}"`,
        "cd /",
        ...ownership(path, edit),
      ];
  }
}

function ownership(path: string, { uid = 0, gid = 0 }: { uid?: number; gid?: number }): string[] {
  const fields = Object.entries({ uid, gid }).filter(([, id]) => id !== 0);
  return fields.map(([name, id]) => `set_inode_field ${path} ${name} ${id}`);
}
