import { MIB } from "./size.ts";
import { type Partition, SECTOR_BYTES } from "./storage-plan.ts";
import type { LogicalVolume } from "./storage-request.ts";

/** LVM's unit of space. */
export const EXTENT_BYTES = 4 * MIB;
/** What stands before a group's first extent: its label and its description. */
export const LVM_HEADER_BYTES = MIB;

/** A logical volume in its place: one piece, in extents from the group's first. */
export interface PlacedLogicalVolume {
  readonly volume: LogicalVolume;
  readonly startExtent: number;
  readonly extents: number;
}

/** How many extents a partition has room for. */
export function countExtents({ sizeSectors }: Pick<Partition, "sizeSectors">): number {
  return Math.floor((sizeSectors * SECTOR_BYTES - LVM_HEADER_BYTES) / EXTENT_BYTES);
}

/**
 * Places a group's volumes one after another; the one without a size gets what is left, and comes last so that it can
 * grow in one piece.
 */
export function placeLogicalVolumes(
  partition: Pick<Partition, "sizeSectors">,
  volumes: readonly LogicalVolume[],
): PlacedLogicalVolume[] {
  const sized = volumes.filter(({ sizeBytes }) => sizeBytes !== undefined);
  const rest = volumes.filter(({ sizeBytes }) => sizeBytes === undefined);
  let startExtent = 0;
  return [...sized, ...rest].map((volume) => {
    const left = countExtents(partition) - startExtent;
    const extents = volume.sizeBytes === undefined ? left : Math.ceil(volume.sizeBytes / EXTENT_BYTES);
    const placed = { volume, startExtent, extents };
    startExtent += extents;
    return placed;
  });
}
