import { stat } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { CommandError } from "../system/process.ts";
import { virsh, virshComplaint } from "../system/virsh.ts";
import { diskFile } from "./artifact.ts";

/** Whether a libvirt is reached over a network, so that it sees no files of this host. @see https://libvirt.org/uri.html */
export function isElsewhere(uri: string): boolean {
  const { hostname, protocol } = new URL(uri);
  return hostname !== "" || /\+(ssh|libssh2?|tcp|tls):$/.test(protocol);
}

/**
 * Looks at the storage pool that is to take a machine's disks.
 *
 * @returns its name
 * @throws libvirt-unreachable
 */
export async function checkPool(uri: string, pool: string, signal: AbortSignal): Promise<string> {
  const refuse = (why: string, hint: string, cause?: unknown) =>
    new VmbuilderError("libvirt-unreachable", `the libvirt at ${uri} cannot take disks: ${why}`, { hint, cause });
  const { stdout } = await virsh(uri, ["pool-dumpxml", pool], signal).catch((cause: unknown) => {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    throw refuse(
      virshComplaint(cause),
      `list its pools: virsh -c ${uri} pool-list --all; choose one by --libvirt-pool`,
      cause,
    );
  });
  const type = /<pool type='([a-z-]+)'/.exec(stdout)?.[1] ?? "none";
  if (!FILE_POOLS.includes(type))
    throw refuse(`the pool ${pool} holds no files (its type is ${type})`, "choose one of files by --libvirt-pool");
  const { stdout: active } = await virsh(uri, ["pool-list", "--name"], signal);
  if (!active.split("\n").some((line) => line.trim() === pool))
    throw refuse(`the pool ${pool} is not started`, `start it: virsh -c ${uri} pool-start ${pool}`);
  return pool;
}

/** Pools whose volumes are files, so that they can be qcow2. @see https://libvirt.org/storage.html */
const FILE_POOLS = ["dir", "fs", "netfs"];

/** A disk of the result folder, and what it is called in the pool. */
export interface VolumeUpload {
  readonly path: string;
  readonly volume: string;
  readonly fileBytes: number;
}

/** What a description of ours asks for, in the order of the machine's disks. */
export function listUploads(description: string, hostname: string, directory: string): Promise<VolumeUpload[]> {
  const volumes = [...description.matchAll(/ volume="([^"]+)"/g)].map(([, volume]) => String(volume));
  return Promise.all(
    volumes.map(async (volume, index) => {
      const path = join(directory, diskFile(hostname, index, ".qcow2"));
      return { path, volume, fileBytes: (await stat(path)).size };
    }),
  );
}

/** Makes the volumes and fills them. */
export async function uploadVolumes(
  uri: string,
  pool: string,
  uploads: readonly VolumeUpload[],
  signal: AbortSignal,
): Promise<void> {
  for (const { path, volume, fileBytes } of uploads) {
    // raw while it is filled: libvirt then makes no image of its own under ours; a refresh tells it what came
    await virsh(uri, ["vol-create-as", pool, volume, `${fileBytes}B`, "--allocation", "0", "--format", "raw"], signal);
    await virsh(uri, ["vol-upload", "--pool", pool, volume, path], signal);
  }
  await virsh(uri, ["pool-refresh", pool], signal);
}

/** Volumes of the pool that a machine's disks stand on. */
export async function volumesOf(uri: string, pool: string, machine: string, signal: AbortSignal): Promise<string[]> {
  const [{ stdout: disks }, { stdout: list }] = [
    await virsh(uri, ["domblklist", "--details", machine], signal),
    await virsh(uri, ["vol-list", pool], signal),
  ];
  const sources = new Set(
    disks
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, device, , source]) => (device === "disk" && source ? [source] : [])),
  );
  return list
    .split("\n")
    .map((line) => line.trim().split(/\s{2,}/))
    .flatMap(([name, path]) => (name && path && (sources.has(path) || sources.has(name)) ? [name] : []));
}

/** Removes volumes that may be there; what stays is a nuisance, no failure. */
export async function removeVolumes(uri: string, pool: string, volumes: readonly string[]): Promise<void> {
  const { signal } = new AbortController();
  for (const volume of volumes) await virsh(uri, ["vol-delete", "--pool", pool, volume], signal).catch(() => {});
}
