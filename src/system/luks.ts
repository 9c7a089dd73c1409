import { readFile, rm } from "node:fs/promises";
import { LUKS_HEADER_SECTORS } from "../model/placed-volume.ts";
import { type Partition, SECTOR_BYTES } from "../model/storage-plan.ts";
import { patchRaw } from "./disk-image.ts";
import { CommandError, run } from "./process.ts";
import type { Extent } from "./undo-file.ts";

const HEADER_BYTES = LUKS_HEADER_SECTORS * SECTOR_BYTES;
const [UUID_OFFSET, UUID_BYTES] = [168, 40];
/** How long a machine like this one takes to try a passphrase: what cryptsetup has as its default. */
const TRY_MS = 2000;
/** Likewise while the container is filled, since every program that opens it tries the passphrase. */
const FILLING_TRY_MS = 10;

const MOST_MEASUREMENTS = 50;

/** An encrypted container that fills a partition of a raw disk. */
export interface Container {
  readonly disk: string;
  readonly place: Pick<Partition, "startSector" | "sizeSectors">;
  readonly uuid: string;
  /** A file that holds the passphrase and nothing else. */
  readonly passphraseFile: string;
}

/**
 * Writes a LUKS1 container with a new key into a disk: `fill` puts into it what it shall hold, by {@link writeImage}. qemu
 * makes it, who needs neither the device mapper nor rights.
 *
 * @see https://www.qemu.org/docs/master/system/qemu-block-drivers.html, "LUKS"
 */
export async function makeContainer(
  container: Container,
  fill: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const header = `${container.disk}.luks`;
  const key = secret(container.passphraseFile);
  const quick = ["-o", `key-secret=key,iter-time=${FILLING_TRY_MS}`];
  // it says nothing of the container's size
  await runMeasured(["qemu-img", "create", "-q", "-f", "luks", ...key, ...quick, header, "512"], signal);
  await writeHeader(container, header);
  await fill();
  const image = imageOptions({ driver: "luks", "key-secret": "key", ...fileOptions("file.", header) });
  for (const change of [`state=active,new-secret=key,keyslot=1,iter-time=${TRY_MS}`, "state=inactive,keyslot=0"])
    await runMeasured(["qemu-img", "amend", "-q", ...key, "--image-opts", "-o", change, image], signal);
  await writeHeader(container, header);
  await rm(header);
}

/** qemu gives up when the clock by which it measures this machine's speed has not moved; the next time it will have. */
async function runMeasured(argv: readonly string[], signal: AbortSignal): Promise<void> {
  for (let left = MOST_MEASUREMENTS; ; left--) {
    try {
      await run(argv, { signal });
      return;
    } catch (error) {
      const isUnmeasured = error instanceof CommandError && /accurate CPU usage/.test(error.stderr);
      if (!isUnmeasured || left === 0) throw error;
    }
  }
}

async function writeHeader({ disk, place, uuid }: Container, header: string): Promise<void> {
  const bytes = (await readFile(header)).subarray(0, HEADER_BYTES);
  bytes.fill(0, UUID_OFFSET, UUID_OFFSET + UUID_BYTES);
  bytes.write(uuid, UUID_OFFSET, "latin1");
  await patchRaw(disk, [{ offsetBytes: place.startSector * SECTOR_BYTES, bytes }]);
}

/**
 * Copies an image to a place of a raw disk that is empty there; with a container, all of it is encrypted on the way, zeros
 * too. The place is counted from the disk's begin.
 */
export async function writeImage(
  image: string,
  disk: string,
  { offsetBytes, sizeBytes }: Extent,
  container: Container | undefined,
  signal: AbortSignal,
): Promise<void> {
  const source = imageOptions({ driver: "raw", offset: 0, size: sizeBytes, ...fileOptions("file.", image) });
  const plain = { driver: "raw", offset: offsetBytes, size: sizeBytes, ...fileOptions("file.", disk) };
  const target = container ? encrypted(container, { offsetBytes, sizeBytes }) : plain;
  const how = container ? secret(container.passphraseFile) : ["--target-is-zero"];
  const copy = ["qemu-img", "convert", "-n", "-W", "-m", "8", ...how, "--image-opts", "--target-image-opts"];
  await run([...copy, source, imageOptions(target)], { signal });
}

function encrypted({ disk, place }: Container, { offsetBytes, sizeBytes }: Extent): Record<string, string | number> {
  const startBytes = place.startSector * SECTOR_BYTES;
  return {
    driver: "raw",
    offset: offsetBytes - startBytes - HEADER_BYTES,
    size: sizeBytes,
    "file.driver": "luks",
    "file.key-secret": "key",
    "file.file.driver": "raw",
    "file.file.offset": startBytes,
    "file.file.size": place.sizeSectors * SECTOR_BYTES,
    ...fileOptions("file.file.file.", disk),
  };
}

function fileOptions(prefix: string, path: string): Record<string, string> {
  return { [`${prefix}driver`]: "file", [`${prefix}filename`]: path };
}

/** In qemu's lists of options, a comma of a value is doubled. */
function imageOptions(options: Readonly<Record<string, string | number>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${String(value).replaceAll(",", ",,")}`)
    .join(",");
}

function secret(path: string): string[] {
  return ["--object", `secret,id=key,file=${path.replaceAll(",", ",,")}`];
}
