import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";
import { run } from "./process.ts";

/** Bytes to write at a place of a disk. */
export interface DiskPatch {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

/** Makes an empty sparse file of a size. */
export async function makeSparseFile(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

/** Writes bytes into a raw disk file. */
export async function patchRaw(path: string, patches: readonly DiskPatch[]): Promise<void> {
  const file = await open(path, "r+");
  try {
    for (const { offsetBytes, bytes } of patches) await file.write(bytes, 0, bytes.length, offsetBytes);
  } finally {
    await file.close();
  }
}

/** Reads bytes from a file. */
export async function readBytes(path: string, offsetBytes: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offsetBytes);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Makes a qcow2 that holds only what differs from `base`, which must never change from now on. */
export async function createOverlay(
  base: string,
  baseFormat: string,
  overlay: string,
  signal: AbortSignal,
): Promise<void> {
  await run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", baseFormat, "-b", base, overlay], { signal });
}

/** Converts an image whose format is known; a backing file is resolved. Sparse stays sparse. */
export async function convertImage(
  source: string,
  from: string,
  target: string,
  to: string,
  options: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await run(["qemu-img", "convert", "-f", from, "-O", to, "-m", "8", "-W", ...options, source, target], { signal });
}

/** Writes bytes into a qcow2 at places of the disk that it holds; `scratch` is a folder for temporary files. */
export async function patchQcow2(
  image: string,
  patches: readonly DiskPatch[],
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const commands: string[] = [];
  for (const [i, { offsetBytes, bytes }] of patches.entries()) {
    await writeFile(join(scratch, `patch-${i}`), bytes);
    commands.push("-c", `write -q -s patch-${i} ${offsetBytes} ${bytes.length}`);
  }
  await run(["qemu-io", "-f", "qcow2", ...commands, image], { signal, cwd: scratch });
}

/** Serves a qcow2 as a plain file at $2 while the rest of the arguments runs. */
const WITH_EXPORT = `
image=$1 mount=$2
shift 2
qemu-storage-daemon --daemonize --pidfile "$mount.pid" --blockdev driver=file,node-name=file,filename="$image" \\
  --blockdev driver=qcow2,node-name=disk,file=file --export type=fuse,id=disk,node-name=disk,mountpoint="$mount",writable=on || exit 1
"$@"
status=$?
pid=$(cat "$mount.pid")
kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.005; done
exit $status
`;

/**
 * Runs a program while a qcow2 can be reached as a raw file, through FUSE in a mount namespace of its own. It needs no
 * rights, and nobody else sees the mount.
 *
 * @param scratch folder for the mount point
 * @param argvFor gets the path of the raw file
 */
export async function runWithRawView(
  image: string,
  scratch: string,
  argvFor: (raw: string) => readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const raw = join(scratch, "raw-view");
  await writeFile(raw, "");
  await runInNamespace([...OWN_MOUNTS, "sh", "-c", WITH_EXPORT, "sh", image, raw, ...argvFor(raw)], { signal });
}
