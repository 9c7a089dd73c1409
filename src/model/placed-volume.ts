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
  /** Its place on the disk; in an encrypted container, what it would be without. */
  readonly startSector: number;
  readonly sizeSectors: number;
  /** It is all of its partition: neither in a group nor encrypted. */
  readonly isBare: boolean;
}

/** The volumes of a disk, in the order of their place. */
export function placedVolumes(disk: DiskPlan): PlacedVolume[] {
  return disk.partitions.flatMap((partition) => {
    const content = contentOf(partition);
    const own = partitionName(partition);
    const isBare = content.lvm === undefined && content.luks === undefined;
    const { startSector, sizeSectors } = partition;
    if (!content.lvm)
      return volumesOf(content).map((volume) => ({ name: own, partition, volume, startSector, sizeSectors, isBare }));
    return placeLogicalVolumes(partition, content.lvm.volumes).map(({ volume, startExtent, extents }) => ({
      name: `${own}/${volume.name}`,
      partition,
      volume,
      startSector: startSector + (LVM_HEADER_BYTES + startExtent * EXTENT_BYTES) / SECTOR_BYTES,
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

/** A volume of a group as a device; the mapper doubles the hyphens of names. */
export function mapperPath(group: string, volume: string): string {
  return `/dev/mapper/${[group, volume].map((name) => name.replaceAll("-", "--")).join("-")}`;
}

/** Names of a disk's volumes that {@link DiskIds.volumeUuids} must hold: all but root and the first swap. */
export function namesOfUuids(disk: DiskPlan): string[] {
  const others = placedVolumes(disk).filter(({ name, volume }) => name !== "swap" && !mountsOf(volume).includes("/"));
  return others.map(({ name }) => name);
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
