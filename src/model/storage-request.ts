import { isGuestPath } from "./file-edit.ts";
import { formatSize, GIB, MIB } from "./size.ts";

/** What may stand in a partition or volume. */
export const FILE_SYSTEMS = ["ext4", "xfs", "btrfs", "swap"] as const;
export type FileSystem = (typeof FILE_SYSTEMS)[number];

/** Of these, the ones that root can stand on. */
export const ROOT_FILE_SYSTEMS = ["ext4", "xfs", "btrfs"] as const;

/** Kinds of partition tables. */
export const LABELS = ["gpt", "msdos"] as const;
export type Label = (typeof LABELS)[number];

/** A subvolume of a btrfs. */
export interface Subvolume {
  readonly name: string;
  readonly mount: string;
  readonly options: readonly string[];
}

/** A file system or swap, wherever it stands. */
export interface Volume {
  readonly fs: FileSystem;
  /** Absolute path; swap has none. */
  readonly mount?: string | undefined;
  readonly options: readonly string[];
  /** Of a btrfs alone. */
  readonly subvolumes?: readonly Subvolume[] | undefined;
}

/** A volume of an LVM group. Without a size it takes what the others leave. */
export interface LogicalVolume extends Volume {
  readonly name: string;
  readonly sizeBytes?: number | undefined;
}

/** What stands in a partition: a volume, or a group of them; either may be encrypted. */
export interface PartitionContent {
  readonly volume?: Volume | undefined;
  readonly lvm?: { readonly group: string; readonly volumes: readonly LogicalVolume[] } | undefined;
  readonly luks?: { readonly name: string } | undefined;
}

/** A partition that is wanted. Without a size it takes what the others leave of the disk. */
export interface PartitionRequest extends PartitionContent {
  readonly sizeBytes?: number | undefined;
}

/** A disk that is wanted. Without a size it is as large as its partitions. */
export interface DiskRequest {
  readonly sizeBytes?: number | undefined;
  readonly partitions: readonly PartitionRequest[];
}

/** Where in a list of disks something is wrong: `[1, "partitions", 0, "mount"]`. */
export type LayoutPath = readonly (string | number)[];

/** Tells of what is wrong, and ends the check. */
export type Refuse = (path: LayoutPath, message: string, hint?: string) => never;

export const LARGEST_BYTES = 64 * 1024 * GIB;
const SMALLEST_ROOT_BYTES = 256 * MIB;
/** What the makers of these file systems ask for at least. */
const SMALLEST_BYTES: Readonly<Record<FileSystem, number>> = {
  ext4: 16 * MIB,
  xfs: 300 * MIB,
  btrfs: 128 * MIB,
  swap: MIB,
};
const SMALLEST_LVM_BYTES = 16 * MIB;
const MOST_DISKS = 16;
const MOST_PARTITIONS = 64;
/** The kernel's own, the EFI partition's, and what the system needs before it mounts anything. */
const RESERVED = /^\/(proc|sys|dev|run|boot\/efi|etc|bin|sbin|lib|lib32|lib64|usr)$|^\/(proc|sys|dev|run)\//;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_+.-]{0,62}$/;
const SUBVOLUME = /^[A-Za-z0-9@][A-Za-z0-9@_+.-]{0,62}$/;
const OPTION = /^[A-Za-z0-9_.:=+@%/-]+$/;

/** Everything below a partition that is a volume. */
export function volumesOf({ volume, lvm }: PartitionContent): readonly Volume[] {
  return [...(volume ? [volume] : []), ...(lvm?.volumes ?? [])];
}

/** Where a volume or its subvolumes are mounted. */
export function mountsOf({ mount, subvolumes }: Volume): string[] {
  return [...(mount === undefined ? [] : [mount]), ...(subvolumes ?? []).map((one) => one.mount)];
}

/** Smallest size of a partition with this content. */
export function smallestBytes(content: PartitionContent): number {
  const least = ({ fs, ...volume }: Volume) =>
    Math.max(SMALLEST_BYTES[fs], mountsOf({ fs, ...volume }).includes("/") ? SMALLEST_ROOT_BYTES : 0);
  const room = content.luks === undefined ? 0 : 16 * MIB; // its header
  if (content.volume) return least(content.volume) + room;
  const sizes = (content.lvm?.volumes ?? []).map((one) => one.sizeBytes ?? least(one));
  return Math.max(
    SMALLEST_LVM_BYTES,
    sizes.reduce((sum, size) => sum + Math.ceil(size / (4 * MIB)) * 4 * MIB, 4 * MIB) + room,
  );
}

/** Refuses disks that cannot be: sizes out of bounds, mount points twice or in reserved places, no root. */
export function checkDisks(disks: readonly DiskRequest[], refuse: Refuse): void {
  if (disks.length === 0 || disks.length > MOST_DISKS) refuse([], `${disks.length} disks are none or too many`);
  const mounted = new Set<string>();
  const names = new Set<string>();
  for (const [index, disk] of disks.entries()) {
    const open = disk.partitions.filter(({ sizeBytes }) => sizeBytes === undefined);
    if (disk.sizeBytes !== undefined) checkSize(disk.sizeBytes, 4 * MIB, [index, "size"], refuse);
    if (disk.partitions.length === 0 || disk.partitions.length > MOST_PARTITIONS)
      refuse([index, "partitions"], `a disk has 1 to ${MOST_PARTITIONS} partitions, not ${disk.partitions.length}`);
    if (open.length > 1 || (open.length === 1 && disk.sizeBytes === undefined))
      refuse(
        [index, "partitions", disk.partitions.indexOf(open.at(-1) ?? {})],
        "this partition has no size",
        "give it a size; one partition of a disk whose size is given may take the rest",
      );
    for (const [number, partition] of disk.partitions.entries()) {
      const path: LayoutPath = [index, "partitions", number];
      checkContent(partition, path, mounted, names, refuse);
      if (partition.sizeBytes !== undefined)
        checkSize(partition.sizeBytes, smallestBytes(partition), [...path, "size"], refuse);
      if (index > 0 && volumesOf(partition).some((volume) => mountsOf(volume).some((at) => /^\/(boot)?$/.test(at))))
        refuse(path, "/ and /boot stand on the first disk", "the boot loader looks for them there");
    }
  }
  if (!mounted.has("/")) refuse([], "there is no root", "add a partition that is mounted at /");
}

function checkContent(
  content: PartitionContent,
  path: LayoutPath,
  mounted: Set<string>,
  names: Set<string>,
  refuse: Refuse,
): void {
  if ((content.volume === undefined) === (content.lvm === undefined))
    refuse(path, "a partition holds either a file system or an LVM group");
  const name = (kind: string, text: string, at: LayoutPath) => {
    if (!NAME.test(text)) refuse(at, `"${text}" is no name of ${kind}`, "use letters, digits, and _ + . - inside");
    if (names.has(`${kind} ${text}`)) refuse(at, `the name ${text} is given twice`);
    names.add(`${kind} ${text}`);
  };
  if (content.luks) name("an encrypted container", content.luks.name, [...path, "luks"]);
  if (content.volume) checkVolume(content.volume, path, mounted, refuse);
  if (!content.lvm) return;
  const { group, volumes } = content.lvm;
  name("a group", group, [...path, "lvm"]);
  if (volumes.length === 0 || volumes.filter(({ sizeBytes }) => sizeBytes === undefined).length > 1)
    refuse([...path, "lvm"], "a group has volumes, of which one at most has no size");
  for (const [index, volume] of volumes.entries()) {
    const at = [...path, "lvm", "volumes", index];
    name(`a volume of ${group}`, volume.name, at);
    checkVolume(volume, at, mounted, refuse);
    const smallest = smallestBytes({ volume });
    if (volume.sizeBytes !== undefined) checkSize(volume.sizeBytes, smallest, [...at, "size"], refuse);
  }
}

function checkVolume(volume: Volume, path: LayoutPath, mounted: Set<string>, refuse: Refuse): void {
  const { fs, mount, subvolumes = [] } = volume;
  if (fs === "swap" && mount !== undefined) refuse([...path, "mount"], "swap is mounted nowhere");
  if (fs !== "btrfs" && subvolumes.length > 0) refuse([...path, "subvolumes"], `${fs} has no subvolumes`);
  if (fs !== "swap" && mountsOf(volume).length === 0)
    refuse(path, "this file system is mounted nowhere", "give it a mount point");
  for (const [index, { name }] of subvolumes.entries()) {
    if (!SUBVOLUME.test(name) || subvolumes.findIndex((one) => one.name === name) < index)
      refuse([...path, "subvolumes", index], `"${name}" is no name of a subvolume, or stands here twice`);
  }
  for (const options of [volume.options, ...subvolumes.map((one) => one.options)]) {
    const wrong = options.find((option) => !OPTION.test(option));
    if (wrong !== undefined) refuse([...path, "options"], `"${wrong}" is no mount option`);
  }
  for (const at of mountsOf(volume)) {
    if (at !== "/" && (!isGuestPath(at) || /\s|\\/.test(at)))
      refuse([...path, "mount"], `"${at}" is no mount point`, "give an absolute path without .. or a slash at its end");
    if (RESERVED.test(at)) refuse([...path, "mount"], `${at} cannot be a file system of its own`);
    if (mounted.has(at)) refuse([...path, "mount"], `${at} is a mount point already`);
    mounted.add(at);
  }
}

function checkSize(sizeBytes: number, smallest: number, path: LayoutPath, refuse: Refuse): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= smallest && sizeBytes <= LARGEST_BYTES) return;
  const bounds = `give between ${formatSize(smallest)} and ${formatSize(LARGEST_BYTES)}`;
  refuse(path, `a size of ${formatSize(sizeBytes)} is impossible here`, bounds);
}
