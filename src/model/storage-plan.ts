import { VmbuilderError } from "./errors.ts";
import { formatSize, MIB } from "./size.ts";

export const SECTOR_BYTES = 512;

/** What a partition is for; its place in the table follows the order of the plan. */
export type PartitionRole = "bios-boot" | "esp" | "swap" | "root";

/** A partition, in sectors of 512 bytes. */
export interface Partition {
  readonly number: number;
  readonly role: PartitionRole;
  readonly startSector: number;
  readonly sizeSectors: number;
  /** GPT partition type. @see https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ */
  readonly typeGuid: string;
}

/**
 * A disk with its partitions, in the order of their place. Root stands last, so that it can grow with the disk. Numbers are
 * fixed per role, whatever else there is, so that the boot loader finds root by number: 1 root, 2 swap, 14 BIOS boot, 15 EFI.
 */
export interface DiskPlan {
  readonly sizeBytes: number;
  readonly partitions: readonly Partition[];
}

/** What the recipe asks of the disk. */
export interface StorageRequest {
  readonly rootSizeBytes: number;
  readonly swapSizeBytes: number;
  readonly architecture: "amd64" | "arm64";
}

const BIOS_BOOT_BYTES = MIB;
const ESP_BYTES = 64 * MIB;
const SMALLEST_ROOT_BYTES = 256 * MIB;
const LARGEST_BYTES = 64 * 1024 * 1024 * MIB;
const ROOT_TYPES = { amd64: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", arm64: "B921B045-1DF0-41C3-AF44-4C6F280D3FAE" };
/** The numbers that Debian's and Ubuntu's cloud images use too. */
const NUMBERS: Readonly<Record<PartitionRole, number>> = { root: 1, swap: 2, "bios-boot": 14, esp: 15 };
const TYPES = {
  "bios-boot": "21686148-6449-6E6F-744E-656564454649",
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  swap: "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
};

/**
 * Lays out one disk: BIOS boot partition (not on arm64), EFI system partition, swap if any, root.
 *
 * @throws storage-impossible when a size is out of bounds
 */
export function planStorage(request: StorageRequest): DiskPlan {
  checkBounds("rootsize", request.rootSizeBytes, SMALLEST_ROOT_BYTES);
  if (request.swapSizeBytes !== 0) checkBounds("swapsize", request.swapSizeBytes, MIB);
  const wanted: { role: PartitionRole; sizeBytes: number; typeGuid: string }[] = [
    ...(request.architecture === "amd64"
      ? [{ role: "bios-boot" as const, sizeBytes: BIOS_BOOT_BYTES, typeGuid: TYPES["bios-boot"] }]
      : []),
    { role: "esp", sizeBytes: ESP_BYTES, typeGuid: TYPES.esp },
    ...(request.swapSizeBytes > 0
      ? [{ role: "swap" as const, sizeBytes: request.swapSizeBytes, typeGuid: TYPES.swap }]
      : []),
    { role: "root", sizeBytes: request.rootSizeBytes, typeGuid: ROOT_TYPES[request.architecture] },
  ];
  let offset = MIB;
  const partitions = wanted.map(({ role, sizeBytes, typeGuid }): Partition => {
    const aligned = Math.ceil(sizeBytes / MIB) * MIB;
    const partition = {
      number: NUMBERS[role],
      role,
      typeGuid,
      startSector: offset / SECTOR_BYTES,
      sizeSectors: aligned / SECTOR_BYTES,
    };
    offset += aligned;
    return partition;
  });
  return { sizeBytes: offset + MIB, partitions };
}

/** The partition of a role; a plan without it is a programming error. */
export function partitionOf(plan: DiskPlan, role: PartitionRole): Partition {
  const partition = plan.partitions.find((one) => one.role === role);
  if (!partition) throw new VmbuilderError("storage-impossible", `the disk has no ${role} partition`);
  return partition;
}

function checkBounds(name: string, sizeBytes: number, smallest: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < smallest || sizeBytes > LARGEST_BYTES) {
    throw new VmbuilderError("storage-impossible", `${name} is ${formatSize(sizeBytes)}`, {
      hint: `give between ${formatSize(smallest)} and ${formatSize(LARGEST_BYTES)}`,
    });
  }
}
