import { stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256File } from "../system/files.ts";

/** A file of the result. */
export interface Artifact {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Name of a disk's file: `web.qcow2`, `web-2.qcow2`. */
export function diskFile(hostname: string, index: number, suffix: string): string {
  return `${hostname}${index === 0 ? "" : `-${index + 1}`}${suffix}`;
}

/** Name, size and hash of a result folder's file; the hash may be known. */
export async function describeArtifact(directory: string, name: string, sha256?: string): Promise<Artifact> {
  const path = join(directory, name);
  return { name, sha256: sha256 ?? (await sha256File(path)), sizeBytes: (await stat(path)).size };
}
