import { chmod, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type FileEdit, isGuestPath } from "../model/file-edit.ts";
import type { DiskIds } from "../model/identity.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import { patchRaw } from "./disk-image.ts";
import { startInPrivateMounts } from "./namespace.ts";
import { identityPatches } from "./partition-table.ts";
import { createOverlay } from "./qcow2-overlay.ts";

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

/** What the shell says when the disk can be written. */
const SERVED = "served";

/**
 * All of it in one shell, since starting a process from here costs more than each step. The overlay is served as a plain
 * file through FUSE, in a mount namespace that nobody else sees; the caller writes outside the file system meanwhile.
 * tune2fs comes last: it also brings the backup superblocks in line, or the first boot would check all of the disk.
 */
const WRITE_IDENTITY = `
set -e
cd "$1"
overlay=$2 mount=$3 root=$4 uuid=$5
read -r ready
qemu-storage-daemon --daemonize --pidfile daemon.pid --blockdev driver=file,node-name=file,filename="$overlay" \\
  --blockdev driver=qcow2,node-name=disk,file=file --export type=fuse,id=disk,node-name=disk,mountpoint="$mount",writable=on,allow-other=off
read -r daemon <daemon.pid
trap 'kill "$daemon"; while kill -0 "$daemon" 2>/dev/null; do sleep 0.002; done' EXIT
echo ${SERVED}
debugfs -w -f commands "disk?offset=$root" >/dev/null
tune2fs -U "$uuid" "disk?offset=$root" >/dev/null
read -r patched
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
  const root = partitionOf(plan, "root").startSector * SECTOR_BYTES;
  const options = [scratch, asOptionValue(overlay), asOptionValue(join(scratch, "disk")), root, ids.rootUuid];
  const served = Promise.withResolvers<void>();
  const running = startInPrivateMounts(["sh", "-c", WRITE_IDENTITY, "sh", ...options.map(String)], {
    signal,
    captureStdout: true,
    onLine: (line) => line === SERVED && served.resolve(),
  });
  const write = async () => {
    await Promise.all([writeInputs(identity), createOverlay(base, baseFormat, overlay, plan.sizeBytes)]);
    running.stdin.write("ready\n");
    await Promise.race([served.promise, running.done]);
    // The mount as the shell sees it; its user is ours, so that FUSE lets us in.
    await patchRaw(join(`/proc/${running.pid}/root`, scratch, "disk"), identityPatches(plan, ids));
    running.stdin.end("patched\n");
  };
  try {
    await Promise.all([write(), running.done]);
  } catch (error) {
    running.stdin.end(); // the shell ends by itself; as the first process of its namespace it doesn't heed TERM
    running.stop();
    await running.done.catch(() => {});
    throw error;
  }
}

/** In a list of options, a comma that belongs to a value is doubled. @see https://manpages.debian.org/qemu-storage-daemon */
function asOptionValue(path: string): string {
  return path.replaceAll(",", ",,");
}

async function writeInputs({ edits, atSeconds, scratch }: DiskIdentity): Promise<void> {
  // The programs run in the folder, so that no path of the host's has to be quoted in their scripts.
  const commands = await Promise.all(edits.map((edit, i) => debugfsCommands(edit, scratch, `edit-${i}`)));
  await Promise.all([
    writeFile(join(scratch, "disk"), ""),
    writeFile(join(scratch, "commands"), [`set_current_time @${atSeconds}`, ...commands.flat(), ""].join("\n")),
  ]);
}

/** A new file takes its mode from its source, and belongs to root unless told otherwise. */
async function debugfsCommands(edit: FileEdit, folder: string, source: string): Promise<string[]> {
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
      await writeFile(join(folder, source), edit.content, { mode: 0o600 });
      await chmod(join(folder, source), edit.mode);
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
