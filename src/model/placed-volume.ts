import { VmbuilderError } from "./errors.ts";
import type { DiskIds } from "./identity.ts";
import { EXTENT_BYTES, LVM_HEADER_BYTES, placeLogicalVolumes } from "./logical-volumes.ts";
import { contentOf, type DiskPlan, type Partition, partitionName, SECTOR_BYTES } from "./storage-plan.ts";
import { type Label, mountsOf, type Volume, volumesOf } from "./storage-request.ts";

/** A volume and where it stands. */
export interface PlacedVolume {
  /** A name that no other volume of its disk has, such as `root`, `data-3` or `data-3/logs`. */
  readonly name: string;
  readonly partition: Partition;
  readonly volume: Volume;
  /** Its place on the disk. */
  readonly startSector: number;
  readonly sizeSectors: number;
  /** It is all of its partition: neither in a group nor encrypted. */
  readonly isBare: boolean;
}

/** What stands before the content of an encrypted container: LUKS1 with a 64-byte key and eight slots. */
export const LUKS_HEADER_SECTORS = 4040;

/** The part of a partition that holds its volume or group: behind the header of its container, if it is encrypted. */
export function innerPlace(partition: Partition): Pick<Partition, "startSector" | "sizeSectors"> {
  const header = contentOf(partition).luks ? LUKS_HEADER_SECTORS : 0;
  return { startSector: partition.startSector + header, sizeSectors: partition.sizeSectors - header };
}

/** The volumes of a disk, in the order of their place. */
export function placedVolumes(disk: DiskPlan): PlacedVolume[] {
  return disk.partitions.flatMap((partition) => {
    const content = contentOf(partition);
    const own = partitionName(partition);
    const isBare = content.lvm === undefined && content.luks === undefined;
    const inner = innerPlace(partition);
    if (!content.lvm) return volumesOf(content).map((volume) => ({ name: own, partition, volume, ...inner, isBare }));
    return placeLogicalVolumes(inner, content.lvm.volumes).map(({ volume, startExtent, extents }) => ({
      name: `${own}/${volume.name}`,
      partition,
      volume,
      startSector: inner.startSector + (LVM_HEADER_BYTES + startExtent * EXTENT_BYTES) / SECTOR_BYTES,
      sizeSectors: (extents * EXTENT_BYTES) / SECTOR_BYTES,
      isBare,
    }));
  });
}

/** The UUID of a volume. */
export function volumeUuid(ids: DiskIds, { name, volume }: Pick<PlacedVolume, "name" | "volume">): string {
  if (mountsOf(volume).includes("/")) return ids.rootUuid;
  return name === "swap" ? ids.swapUuid : (ids.volumeUuids?.[name] ?? "");
}

/** What the kernel's command line calls the root file system: by its UUID, or as a volume of a group, as update-grub does. */
export function rootDevice(ids: Pick<DiskIds, "rootUuid">, disk: DiskPlan): string {
  const root = placedVolumes(disk).find(({ volume }) => mountsOf(volume).includes("/"));
  const group = root && contentOf(root.partition).lvm?.group;
  if (!root || group === undefined || !("name" in root.volume)) return `UUID=${ids.rootUuid}`;
  return mapperPath(group, String(root.volume.name));
}

/** What the kernel's command line adds for a root that is a subvolume. */
export function rootFlags(disk: DiskPlan): string[] {
  const subvolumes = placedVolumes(disk).flatMap(({ volume }) => volume.subvolumes ?? []);
  const root = subvolumes.find(({ mount }) => mount === "/");
  return root ? [`rootflags=subvol=${root.name}`] : [];
}

/** A volume of a group as a device; the mapper doubles the hyphens of names. */
export function mapperPath(group: string, volume: string): string {
  return `/dev/mapper/${[group, volume].map((name) => name.replaceAll("-", "--")).join("-")}`;
}

/** Names of a disk's volumes that {@link DiskIds.volumeUuids} must hold: all but root and the first swap. */
export function namesOfUuids(disk: DiskPlan): string[] {
  const others = placedVolumes(disk).filter(({ name, volume }) => name !== "swap" && !mountsOf(volume).includes("/"));
  const containers = disk.partitions.filter((partition) => contentOf(partition).luks).map(containerName);
  return [...others.map(({ name }) => name), ...containers];
}

/** The name under which the UUID of an encrypted container is kept. */
export function containerName(partition: Pick<Partition, "role" | "number">): string {
  return `${partitionName(partition)}/luks`;
}

/** Whether machines with these disks can share a base: debugfs and tune2fs make an ext4 one machine's, nothing else any other. */
export function sharesBase(disks: readonly DiskPlan[]): boolean {
  return disks
    .flatMap(placedVolumes)
    .every(({ volume, partition }) => ["ext4", "swap"].includes(volume.fs) && !contentOf(partition).luks);
}

/** The part of a mount point's path below another; nothing when it isn't below it. */
export function pathBelow(mount: string, path: string): string | undefined {
  if (mount === "/") return path;
  if (path === mount) return "/";
  return path.startsWith(`${mount}/`) ? path.slice(mount.length) : undefined;
}

/** Where the boot loader finds its configuration: a partition of the disk that it was started from, and a folder there. */
export interface BootPlace {
  readonly label: Label;
  readonly partition: number;
  readonly directory: string;
  /** What stands there, and where the system sees that. */
  readonly volume: PlacedVolume;
  readonly mount: "/" | "/boot";
}

/** Where the boot loader of a disk finds its configuration; /boot may be a file system of its own. */
export function bootPlace(disk: DiskPlan): BootPlace {
  const label = disk.label ?? "gpt";
  const volumes = placedVolumes(disk);
  const boot = volumes.find(({ volume }) => mountsOf(volume).includes("/boot"));
  const volume = boot ?? volumes.find((one) => mountsOf(one.volume).includes("/"));
  if (!volume) throw new VmbuilderError("storage-impossible", "the first disk has no root");
  const { number: partition } = volume.partition;
  const [directory, mount] = boot ? (["/grub", "/boot"] as const) : (["/boot/grub", "/"] as const);
  return { label, partition, directory, volume, mount };
}
