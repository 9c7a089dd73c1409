import { chmod, open, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type FileEdit, isGuestPath } from "../model/file-edit.ts";
import type { DiskIds } from "../model/identity.ts";
import { type DiskPlan, type Partition, SECTOR_BYTES } from "../model/storage-plan.ts";
import type { DiskPatch } from "./disk-image.ts";
import { returnStructure, STRUCTURE_MEMBER, type Structure, takeStructure } from "./ext4-structure.ts";
import { cleanEnvironment, run } from "./process.ts";
import { readOverlay, writeOverlay } from "./qcow2-overlay.ts";
import type { BackingDisk } from "./qcow2-tables.ts";
import { readUndoFile, type WrittenExtent } from "./undo-file.ts";

const UNDO_FILES = ["files.undo", "uuid.undo"] as const;

/** What makes a thin image over a base disk one machine's disk. */
export interface DiskIdentity {
  readonly base: BackingDisk;
  /** What the disk holds beside the base: an image by {@link writeOverlay}. */
  readonly growth?: string | undefined;
  /** The qcow2 that is made; it holds only what differs from the base, which must never change from now on. */
  readonly overlay: string;
  readonly plan: DiskPlan;
  readonly ids: DiskIds;
  readonly fileSystems: readonly EditedFileSystem[];
  /** Time stamp of the written files. */
  readonly atSeconds: number;
}

/** An ext4 of the base, and what makes it one machine's. */
export interface EditedFileSystem {
  /** By {@link readStructure}. */
  readonly structure: Structure;
  readonly place: Pick<Partition, "startSector">;
  readonly uuid: string;
  /** Paths are those within the file system. */
  readonly edits: readonly FileEdit[];
  /** Folder for temporary files of this one alone. */
  readonly scratch: string;
}

/**
 * Both programs in one shell, since starting a process from here costs more than either. tune2fs comes last: it also brings
 * the backup superblocks in line, or the first boot would check all of the disk. What they write, they note in undo files.
 */
const WRITE_IDENTITY = `
set -e
debugfs -w -z ${UNDO_FILES[0]} -f commands ${STRUCTURE_MEMBER} >/dev/null
tune2fs -z ${UNDO_FILES[1]} -U "$1" ${STRUCTURE_MEMBER} >/dev/null
`;

/**
 * Makes a machine's disk: a qcow2 over the base with ids and files of its own. The programs work on a copy of the file
 * system that holds nothing but its structure; what they wrote goes into the overlay. So nothing is mounted, no rights are
 * needed, and links inside the file system are never followed out of it.
 *
 * @throws command-failed, disk-full
 * @see https://manpages.debian.org/debugfs, https://manpages.debian.org/tune2fs
 */
export async function writeDiskIdentity(identity: DiskIdentity, signal: AbortSignal): Promise<void> {
  const { base, growth, overlay, plan, ids, fileSystems, atSeconds } = identity;
  const [{ identityPatches }, grown, ...edited] = await Promise.all([
    import("./partition-table.ts"),
    growth === undefined ? [] : readOverlay(growth),
    ...fileSystems.map((one) => editFileSystem(one, atSeconds, signal)),
  ]);
  const patches = [...grown, ...identityPatches(plan, ids), ...edited.flatMap((one) => one.patches)];
  await Promise.all([
    writeOverlay(base, overlay, plan.sizeBytes, patches),
    ...edited.map(({ giveBack }) => giveBack()),
  ]);
}

async function editFileSystem(fileSystem: EditedFileSystem, atSeconds: number, signal: AbortSignal) {
  const { structure, place, uuid, scratch } = fileSystem;
  await Promise.all([writeInputs(fileSystem, atSeconds), takeStructure(structure, scratch, signal)]);
  const { stderr } = await run(["sh", "-c", WRITE_IDENTITY, "sh", uuid], {
    cwd: scratch,
    env: { ...cleanEnvironment(), E2FSPROGS_FAKE_TIME: String(atSeconds) },
    signal,
  });
  checkComplaints(stderr);
  const undone = await Promise.all(UNDO_FILES.map((name) => readUndoFile(join(scratch, name))));
  const written = undone.flat();
  const content = await readContent(join(scratch, STRUCTURE_MEMBER), written);
  const startBytes = place.startSector * SECTOR_BYTES;
  return {
    patches: content.map(({ offsetBytes, bytes }) => ({ offsetBytes: startBytes + offsetBytes, bytes })),
    giveBack: () => returnStructure(structure, scratch, written),
  };
}

/** debugfs ends with status 0 whatever happens. What it may say: its version, that a file lacks, that a folder doesn't. */
const EXPECTED =
  /^(debugfs \d|tune2fs \d|Overwriting existing|\s*e2undo |rm: File not found|(ext2fs_)?mkdir: Ext2 directory already exists|\s*$)/;

function checkComplaints(stderr: string): void {
  const complaint = stderr.split("\n").find((line) => !EXPECTED.test(line));
  if (complaint === undefined) return;
  if (/Could not allocate/.test(complaint))
    throw new VmbuilderError("tree-too-large", "the machine's own files do not fit into their file system", {
      hint: "raise --rootsize, or the size of the file system that they belong to",
      detail: stderr,
    });
  throw new VmbuilderError("command-failed", `debugfs: ${complaint}`, { detail: stderr });
}

/** What stands now where a program has written. */
export async function readContent(fileSystem: string, written: readonly WrittenExtent[]): Promise<DiskPatch[]> {
  const file = await open(fileSystem, "r");
  try {
    return await Promise.all(
      written.map(async ({ offsetBytes, former }) => {
        const { buffer } = await file.read(Buffer.alloc(former.length), 0, former.length, offsetBytes);
        return { offsetBytes, bytes: buffer };
      }),
    );
  } finally {
    await file.close();
  }
}

async function writeInputs({ edits, scratch }: EditedFileSystem, atSeconds: number): Promise<void> {
  // The programs run in the folder, so that no path of the host's has to be quoted in their scripts.
  const commands = await Promise.all(edits.map((edit, i) => debugfsCommands(edit, scratch, `edit-${i}`)));
  await writeFile(join(scratch, "commands"), [`set_current_time @${atSeconds}`, ...commands.flat(), ""].join("\n"));
}

/** A new file takes its mode from its source, and belongs to root unless told otherwise. */
async function debugfsCommands(edit: FileEdit, folder: string, source: string): Promise<string[]> {
  const isTop = edit.kind === "directory" && edit.path === "/"; // its mount point
  if (!isGuestPath(edit.path) && !isTop)
    throw new VmbuilderError("recipe-invalid", `"${edit.path}" cannot be a path in a guest`);
  const path = `"${edit.path}"`;
  switch (edit.kind) {
    case "remove":
      return [`rm ${path}`];
    case "directory":
      return [
        ...(isTop ? [] : [`mkdir ${path}`]),
        `set_inode_field ${path} mode 0${(0o040000 | edit.mode).toString(8)}`,
        ...ownership(path, edit),
      ];
    case "symlink":
      return [`rm ${path}`, `symlink ${path} "${edit.target}"`];
    case "file":
      await writeFile(join(folder, source), edit.content, { mode: 0o600, encoding: edit.encoding ?? "utf8" });
      await chmod(join(folder, source), edit.mode);
      return [
        ...(edit.withParents ? parentsOf(edit.path).map((parent) => `mkdir "${parent}"`) : []),
        `rm ${path}`,
        `cd "${dirname(edit.path)}"`,
        `write "${source}" "${basename(edit.path)}"`,
        "cd /",
        ...ownership(path, edit),
      ];
  }
}

/** `/a/b/c` gives `/a` and `/a/b`. One that is there already stays as it is. */
function parentsOf(path: string): string[] {
  const names = path.split("/").slice(1, -1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`);
}

function ownership(path: string, { uid = 0, gid = 0 }: { uid?: number; gid?: number }): string[] {
  const fields = Object.entries({ uid, gid }).filter(([, id]) => id !== 0);
  return fields.map(([name, id]) => `set_inode_field ${path} ${name} ${id}`);
}
