import { readFile } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";
import { type DiskPlan, partitionOf, SECTOR_BYTES } from "../model/storage-plan.ts";
import type { DiskPatch } from "./disk-image.ts";
import { cleanEnvironment, run } from "./process.ts";

/** Fields of GRUB's boot.img and diskboot.img. @see grub-core/boot/i386/pc/boot.S and diskboot.S, include/grub/i386/pc/boot.h */
const BOOT_CODE_BYTES = 440;
const KERNEL_SECTOR = 0x5c;
const DRIVE_CHECK = 0x66;
const BLOCK_LIST_START = 0x1f4;
const BLOCK_LIST_LENGTH = 0x1fc;
const NOP_NOP = 0x9090;
/** Between an msdos table and the first partition, which starts at one MiB. */
const MSDOS_GAP = { startSector: 1, sizeSectors: 2047 };

/**
 * GRUB's BIOS images with the block addresses that grub-install would write: boot.img into the first sector's boot code,
 * core.img into the BIOS boot partition, or with an msdos table into the gap between it and the first partition.
 */
export async function biosBootPatches(plan: DiskPlan, bootImage: string, coreImage: string): Promise<DiskPatch[]> {
  const place = plan.label === "msdos" ? MSDOS_GAP : partitionOf(plan, "bios-boot");
  const boot = (await readFile(bootImage)).subarray(0, BOOT_CODE_BYTES);
  boot.writeBigUInt64LE(BigInt(place.startSector), KERNEL_SECTOR);
  boot.writeUInt16LE(NOP_NOP, DRIVE_CHECK);
  const image = await readFile(coreImage);
  const sectors = Math.ceil(image.length / SECTOR_BYTES);
  if (sectors > place.sizeSectors)
    throw new VmbuilderError(
      "image-unbootable",
      `GRUB's core image of ${image.length} bytes does not fit into its place of ${place.sizeSectors} sectors`,
    );
  const core = Buffer.concat([image, Buffer.alloc(sectors * SECTOR_BYTES - image.length)]);
  core.writeBigUInt64LE(BigInt(place.startSector + 1), BLOCK_LIST_START);
  core.writeUInt16LE(sectors - 1, BLOCK_LIST_LENGTH);
  return [
    { offsetBytes: 0, bytes: boot },
    { offsetBytes: place.startSector * SECTOR_BYTES, bytes: core },
  ];
}

/**
 * Makes the EFI system partition of a raw disk, with the loader at the path that firmware tries by itself.
 *
 * @see UEFI specification, 3.5.1.1 Removable Media Boot Behavior
 */
export async function makeEspPartition(
  disk: string,
  plan: DiskPlan,
  serial: string,
  loader: string,
  loaderName: string,
  signal: AbortSignal,
  env = cleanEnvironment(),
): Promise<void> {
  const esp = partitionOf(plan, "esp");
  const image = `${disk}@@${esp.startSector * SECTOR_BYTES}`;
  await run(
    [
      "mformat",
      "-i",
      image,
      "-T",
      String(esp.sizeSectors),
      "-h",
      "64",
      "-s",
      "32",
      "-c",
      "4",
      "-N",
      serial,
      "-v",
      "EFI",
      "::",
    ],
    { env, signal },
  );
  await run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"], { env, signal });
  await run(["mcopy", "-i", image, loader, `::/EFI/BOOT/${loaderName}`], { env, signal });
}
