import { createHash, type Hash } from "node:crypto";
import { constants, copyFile, type FileHandle, open, rename } from "node:fs/promises";
import { Output, pieces, writing } from "./cluster-copy.ts";
import { CLUSTER_BYTES, readPlaces } from "./disk-reader.ts";
import { fileError } from "./files.ts";
import { type BaseImage, damaged, readHeader, wholePieces } from "./qcow2-base.ts";
import { countLayout, formatLayout } from "./qcow2-layout.ts";

/**
 * Makes an image that stands alone of a base and an overlay over it. The base's data is read once: the same bytes are
 * copied, verified, and hashed for the result. What the overlay replaces stays as free clusters.
 *
 * @returns SHA-256 of the image
 * @throws cache-corrupt when the base isn't what it should be; disk-full, path-unusable
 */
export async function copyImage(base: BaseImage, overlay: string, path: string, signal: AbortSignal): Promise<string> {
  const [from, over] = await Promise.all([open(base.path, "r"), open(overlay, "r")]);
  try {
    const [places, overPlaces] = await Promise.all([readPlaces(from, base.path), readPlaces(over, overlay)]);
    const { sizeBytes, tablesAt } = await readHeader(from, base.path);
    const end = tablesAt / CLUSTER_BYTES;
    if (base.atTables) await takeTwin(base, path);
    return await writing(path, base.atTables ? "r+" : "wx", async (to) => {
      const hash = base.atTables?.copy() ?? (await copyVerified(base, from, tablesAt, to, signal));
      const mapped = new Map([...places].map(([cluster, at]) => [cluster, at / CLUSTER_BYTES]));
      const replaced = [...overPlaces.keys()].flatMap((cluster) => mapped.get(cluster) ?? []);
      const own = [...overPlaces].sort(([a], [b]) => a - b);
      const firstOwn = countLayout(sizeBytes, new Set([...mapped.keys(), ...overPlaces.keys()]), end, own.length).end;
      own.forEach(([cluster], i) => void mapped.set(cluster, firstOwn + i));
      const tables = formatLayout(sizeBytes, mapped, end, own.length, replaced);
      await to.truncate((firstOwn + own.length) * CLUSTER_BYTES);
      const output = new Output([to], hash, tablesAt);
      await output.write(...tables.all);
      await output.copy(over, pieces(own.map(([, at]) => at)), signal);
      return hash.digest("hex");
    });
  } finally {
    await Promise.all([from.close(), over.close()]);
  }
}

/** Copies header and data of a base, and compares all of it with its hash. Returns the state of the hash behind the data. */
async function copyVerified(
  { path, sha256 }: BaseImage,
  from: FileHandle,
  tablesAt: number,
  to: FileHandle,
  signal: AbortSignal,
): Promise<Hash> {
  const hash = createHash("sha256");
  await new Output([to], hash, 0).copy(from, wholePieces(0, tablesAt), signal);
  const atTables = hash.copy();
  const { size } = await from.stat();
  const { buffer } = await from.read(Buffer.alloc(Math.max(size - tablesAt, 0)), { position: tablesAt });
  if (hash.update(buffer).digest("hex") === sha256) return atTables;
  throw damaged(path);
}

/** The twin serves once; without one, the kernel copies the base. */
async function takeTwin({ path, twin }: BaseImage, to: string): Promise<void> {
  const isTaken =
    twin !== undefined &&
    (await rename(twin, to).then(
      () => true,
      () => false,
    ));
  if (isTaken) return;
  await copyFile(path, to, constants.COPYFILE_FICLONE).catch((error: unknown) => {
    throw fileError(error, to);
  });
}
