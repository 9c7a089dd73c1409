import type { Architecture } from "./architecture.ts";
import { VmbuilderError } from "./errors.ts";
import { type Place, placeGpt, placeMsdos } from "./partition-places.ts";
import { formatSize, MIB } from "./size.ts";
import {
  checkDisks,
  type DiskRequest,
  LARGEST_BYTES,
  type Label,
  mountsOf,
  type PartitionContent,
  type PartitionRequest,
  type Refuse,
  smallestBytes,
  type Volume,
  volumesOf,
} from "./storage-request.ts";

export const SECTOR_BYTES = 512;

/** What a partition is for. `root` holds the root file system, however deep; there is one at most of each but `data`. */
export type PartitionRole = "bios-boot" | "esp" | "swap" | "root" | "data";

/** A partition, in sectors of 512 bytes. */
export interface Partition {
  readonly number: number;
  readonly role: PartitionRole;
  readonly startSector: number;
  readonly sizeSectors: number;
  /** GPT partition type. @see https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ */
  readonly typeGuid: string;
  /** What stands in it, unless it is what its role says by itself: see {@link contentOf}. */
  readonly content?: PartitionContent;
}

/**
 * A disk with its partitions, in the order of their place. What can grow stands last: root on the first disk. Numbers are
 * fixed per role, whatever else there is, so that the boot loader finds root by number: 1 root, 2 swap, 14 BIOS boot, 15 EFI.
 */
export interface DiskPlan {
  readonly sizeBytes: number;
  readonly partitions: readonly Partition[];
  /** Absent: GPT. */
  readonly label?: "msdos";
  /** The container of an msdos table's logical partitions. */
  readonly extended?: { readonly number: number; readonly startSector: number; readonly sizeSectors: number };
}

/** What the options ask of the disk. */
export interface StorageRequest {
  readonly rootSizeBytes: number;
  readonly swapSizeBytes: number;
  /** /opt; 0 or nothing for none. */
  readonly optSizeBytes?: number;
  readonly label?: Label;
  readonly architecture: Architecture;
}

const BIOS_BOOT_BYTES = MIB;
const ESP_BYTES = 64 * MIB;
const LARGEST_MSDOS_BYTES = 2 ** 32 * SECTOR_BYTES - MIB;
/** @see https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ */
const ROOT_TYPES: Record<Architecture, string> = {
  amd64: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
  arm64: "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
  riscv64: "72EC70A6-CF74-40E6-BD49-4BDA08E8F224",
};
/** The numbers that Debian's and Ubuntu's cloud images use too. An msdos table has four. */
const NUMBERS = {
  gpt: { root: 1, swap: 2, "bios-boot": 14, esp: 15 },
  msdos: { root: 1, swap: 2, esp: 3 },
} as const;
/** GPT types of partitions. */
export const PARTITION_TYPES = {
  "bios-boot": "21686148-6449-6E6F-744E-656564454649",
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  swap: "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
  linux: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
  lvm: "E6D6D379-F507-44C2-A23C-238F2A3DF928",
  luks: "CA7D7CCB-63ED-4C53-861C-1742536059CC",
} as const;

const ROOT: Volume = { fs: "ext4", mount: "/", options: [] };
const SWAP: Volume = { fs: "swap", options: [] };

/**
 * Lays out the one disk that the size options ask for: BIOS boot partition (GPT on amd64), EFI system partition, swap and
 * /opt if any, root.
 *
 * @throws storage-impossible when a size is out of bounds
 */
export function planStorage(request: StorageRequest): DiskPlan {
  const { rootSizeBytes, swapSizeBytes, optSizeBytes = 0, label = "gpt", architecture } = request;
  const opt: Volume = { fs: "ext4", mount: "/opt", options: [] };
  const sizes = [
    { name: "swapsize", sizeBytes: swapSizeBytes, volume: SWAP },
    { name: "optsize", sizeBytes: optSizeBytes, volume: opt },
    { name: "rootsize", sizeBytes: rootSizeBytes, volume: ROOT },
  ].filter(({ name, sizeBytes }) => name === "rootsize" || sizeBytes !== 0);
  for (const { name, sizeBytes, volume } of sizes) checkBounds(name, sizeBytes, smallestBytes({ volume }));
  const refuse: Refuse = (_path, message, hint) => {
    throw new VmbuilderError("storage-impossible", message, hint === undefined ? {} : { hint });
  };
  return planDisk({ partitions: sizes }, 0, label, architecture, refuse);
}

/**
 * Lays out disks that are described partition by partition. The first is the one that the machine boots from; root stands
 * last there.
 */
export function planDisks(
  disks: readonly DiskRequest[],
  label: Label,
  architecture: Architecture,
  refuse: Refuse,
): DiskPlan[] {
  checkDisks(disks, refuse);
  return disks.map((disk, index) => planDisk(disk, index, label, architecture, refuse));
}

/** The partition of a role; a plan without it is a programming error. */
export function partitionOf(plan: DiskPlan, role: Exclude<PartitionRole, "data">): Partition {
  const partition = plan.partitions.find((one) => one.role === role);
  if (!partition) throw new VmbuilderError("storage-impossible", `the disk has no ${role} partition`);
  return partition;
}

/** What stands in a partition; the boot loader's have none of it. */
export function contentOf({ role, content }: Partition): PartitionContent {
  return content ?? (role === "root" ? { volume: ROOT } : role === "swap" ? { volume: SWAP } : {});
}

/** A name of a partition that no other one of its disk has: its role, or for data its number. */
export function partitionName({ role, number }: Pick<Partition, "role" | "number">): string {
  return role === "data" ? `data-${number}` : role;
}

type WantedPartition = Omit<Partition, "number" | "startSector" | "sizeSectors"> & {
  readonly number?: number | undefined;
  readonly sizeBytes: number;
};

function planDisk(
  disk: DiskRequest,
  index: number,
  label: Label,
  architecture: Architecture,
  refuse: Refuse,
): DiskPlan {
  const boot = index === 0 ? bootPartitions(label, architecture) : [];
  const wanted = disk.partitions.map((request) => wantPartition(request, label, architecture));
  const swap = index === 0 ? wanted.find(({ content }) => isPlain(content, SWAP)) : undefined;
  const roles = wanted.map((one) => (one === swap ? withRole(one, "swap", label) : one));
  const others = roles.filter(({ role }) => role !== "root");
  const inOrder = [...boot, ...others, ...roles.filter(({ role }) => role === "root")];
  const place = label === "msdos" ? placeMsdos : placeGpt;
  const leastBytes = place(inOrder).endBytes + MIB; // behind them stands GPT's copy
  const sizeBytes = disk.sizeBytes === undefined ? leastBytes : Math.floor(disk.sizeBytes / MIB) * MIB;
  const largestBytes = label === "msdos" ? LARGEST_MSDOS_BYTES : LARGEST_BYTES;
  if (leastBytes > sizeBytes)
    refuse([index, "size"], `the partitions need ${formatSize(leastBytes)}, more than ${formatSize(sizeBytes)}`);
  if (sizeBytes > largestBytes)
    refuse([index], `a disk of ${formatSize(sizeBytes)} is more than ${label} can have`, "use gpt, or less");
  const rest = sizeBytes - leastBytes;
  const isOpen = disk.partitions.map((one) => one.sizeBytes === undefined);
  const filled = inOrder.map((one) => (isOpen[roles.indexOf(one)] ? { ...one, sizeBytes: one.sizeBytes + rest } : one));
  const { places, extended } = place(filled);
  return {
    sizeBytes,
    partitions: places.map((one) => ({
      number: one.number,
      role: one.role,
      typeGuid: one.typeGuid,
      ...sectors(one),
      ...(one.content === undefined ? {} : { content: one.content }),
    })),
    ...(label === "msdos" ? { label } : {}),
    ...(extended ? { extended: { number: extended.number, ...sectors(extended) } } : {}),
  };
}

function sectors({ offsetBytes, sizeBytes }: Place): { startSector: number; sizeSectors: number } {
  return { startSector: offsetBytes / SECTOR_BYTES, sizeSectors: sizeBytes / SECTOR_BYTES };
}

function bootPartitions(label: Label, architecture: Architecture): WantedPartition[] {
  const esp = { role: "esp" as const, sizeBytes: ESP_BYTES, typeGuid: PARTITION_TYPES.esp, number: NUMBERS[label].esp };
  if (label === "msdos" || architecture !== "amd64") return [esp];
  const number = NUMBERS.gpt["bios-boot"];
  return [{ role: "bios-boot", sizeBytes: BIOS_BOOT_BYTES, typeGuid: PARTITION_TYPES["bios-boot"], number }, esp];
}

function wantPartition(
  { sizeBytes, volume, lvm, luks }: PartitionRequest,
  label: Label,
  architecture: Architecture,
): WantedPartition {
  const content = { ...(volume && { volume }), ...(lvm && { lvm }), ...(luks && { luks }) };
  const isRoot = volumesOf(content).some((one) => mountsOf(one).includes("/"));
  const kind = luks ? "luks" : lvm ? "lvm" : volume?.fs === "swap" ? "swap" : "linux";
  const typeGuid = isRoot && !lvm ? ROOT_TYPES[architecture] : PARTITION_TYPES[kind];
  const one = { role: "data" as const, sizeBytes: sizeBytes ?? smallestBytes(content), typeGuid, content };
  return isRoot ? withRole(one, "root", label) : one;
}

/** Its role says all of what stands in the usual root and swap partition. */
function withRole({ content, ...one }: WantedPartition, role: "root" | "swap", label: Label): WantedPartition {
  const number = NUMBERS[label][role];
  return isPlain(content, role === "root" ? ROOT : SWAP)
    ? { ...one, role, number }
    : { ...one, role, number, ...(content && { content }) };
}

function isPlain(content: PartitionContent | undefined, { fs, mount }: Volume): boolean {
  const volume = content?.luks ? undefined : content?.volume;
  return volume?.fs === fs && volume.mount === mount && volume.options.length === 0 && !volume.subvolumes?.length;
}

function checkBounds(name: string, sizeBytes: number, smallest: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < smallest || sizeBytes > LARGEST_BYTES) {
    throw new VmbuilderError("storage-impossible", `${name} is ${formatSize(sizeBytes)}`, {
      hint: `give between ${formatSize(smallest)} and ${formatSize(LARGEST_BYTES)}`,
    });
  }
}
