import type { FileEdit } from "../../model/file-edit.ts";
import type { DiskIds, Identity } from "../../model/identity.ts";
import { containerName } from "../../model/placed-volume.ts";
import { contentOf, type DiskPlan } from "../../model/storage-plan.ts";

/** An encrypted container, as the machine finds and names it. */
interface NamedContainer {
  readonly name: string;
  readonly uuid: string;
}

type DiskWithIds = readonly [DiskPlan, DiskIds];

/** A machine's disks, each with its ids. */
export function withIds(
  { ids, moreIds = [] }: Pick<Identity, "ids" | "moreIds">,
  disk: DiskPlan,
  moreDisks: readonly DiskPlan[],
): DiskWithIds[] {
  return [[disk, ids], ...moreDisks.map((one, index) => [one, moreIds[index] ?? ids] as const)];
}

/** What opens the encrypted containers at boot: all of them in the initramfs, which asks for the passphrase. */
export function containerEdits(disks: readonly DiskWithIds[]): FileEdit[] {
  const containers = disks.flatMap(([disk, ids]) => containersOf(disk, ids));
  if (containers.length === 0) return [];
  const lines = containers.map(({ name, uuid }) => `${name} UUID=${uuid} none luks,discard,initramfs`);
  const crypttab = `# <target name> <source device> <key file> <options>\n${lines.join("\n")}\n`;
  const grub = [
    "# Written by vmbuilder: what the initramfs opens, before an update of it has read /etc/crypttab",
    `GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${containers.map(openOption).join(" ")}"`,
    "",
  ];
  return [
    { kind: "file", path: "/etc/crypttab", content: crypttab, mode: 0o600 },
    { kind: "file", path: "/etc/default/grub.d/60-vmbuilder-containers.cfg", content: grub.join("\n"), mode: 0o644 },
  ];
}

/** Options of the kernel's command line by which the initramfs opens the containers of a disk. @see cryptsetup, README.initramfs */
export function containerOptions(disks: readonly DiskWithIds[]): string[] {
  return disks.flatMap(([disk, ids]) => containersOf(disk, ids)).map(openOption);
}

function containersOf(disk: DiskPlan, ids: DiskIds): NamedContainer[] {
  return disk.partitions.flatMap((partition) => {
    const { luks } = contentOf(partition);
    return luks ? [{ name: luks.name, uuid: ids.volumeUuids?.[containerName(partition)] ?? "" }] : [];
  });
}

function openOption({ name, uuid }: NamedContainer): string {
  return `cryptopts=target=${name},source=UUID=${uuid},luks,discard`;
}
