import type { FileEdit } from "../../model/file-edit.ts";
import type { DiskIds, Identity } from "../../model/identity.ts";
import { type PlacedVolume, placedVolumes, volumeUuid } from "../../model/placed-volume.ts";

import type { PackageRequest, Plan } from "../../model/plan.ts";
import { contentOf, type DiskPlan } from "../../model/storage-plan.ts";
import { mountsOf, volumesOf } from "../../model/storage-request.ts";
import { containerEdits, withIds } from "./containers.ts";
import { GROW_PARTITION, groupEdits, growsBySfdisk } from "./volume-groups.ts";

/** What is behind a partition may have become free when the disk was made larger. */
const GROW_SCRIPT = `#!/bin/sh
# Written by vmbuilder: lets the partition that is mounted at $1, or is the device $1, grow to the end of its disk
set -eu
case $1 in
  /dev/*) device=$1 ;;
  *) device=$(findmnt --nofsroot -no SOURCE "$1") ;;
esac
name=$(basename "$(readlink -f "$device")")
container=$(ls "/sys/class/block/$name/slaves" | head -n 1)
[ -z "$container" ] || name=$container
block=$(readlink -f "/sys/class/block/$name")
[ -e "$block/partition" ] || exit 0
number=$(cat "$block/partition") start=$(cat "$block/start") size=$(cat "$block/size")
total=$(cat "$block/../size")
[ $((total - start - size)) -gt 4096 ] || exit 0
disk=/dev/$(basename "$(dirname "$block")")
echo ", +" | sfdisk --quiet --force --no-reread -N "$number" "$disk" || true
partx --update --nr "$number" "$disk"
`;

/** A volume with its UUID. */
interface Mounted extends PlacedVolume {
  readonly uuid: string;
  /** Nothing stands behind it. */
  readonly isLast: boolean;
}

/** Mounts, and what lets their partitions grow. Root grows at boot, when systemd-repart has grown its partition. */
export function mountEdits(identity: Identity, disk: DiskPlan, moreDisks: readonly DiskPlan[]): FileEdit[] {
  const [first = [], ...others] = withIds(identity, disk, moreDisks).map(([one, ids]) => mounted(one, ids));
  const more = others.flat();
  const disks = [disk, ...moreDisks];
  const growing = [
    ...(disk.label === "msdos" ? first.filter(grows) : []), // systemd-repart knows GPT alone
    ...more.filter(grows),
  ];
  return [
    { kind: "file", path: "/etc/fstab", content: fstab([...first, ...more], identity.ids), mode: 0o644 },
    ...(growing.length > 0 || growsBySfdisk(disks) ? [script()] : []),
    ...groupEdits(disks),
    ...containerEdits(withIds(identity, disk, moreDisks)),
    ...growing.flatMap(({ volume }) => growUnit(mountsOf(volume)[0] ?? "/")),
  ];
}

/** Adds the packages that a layout needs in the guest: sfdisk for what systemd-repart doesn't grow, LVM, and so on. */
export function withStoragePackages(
  request: PackageRequest,
  { disk, moreDisks = [] }: Pick<Plan, "disk" | "moreDisks">,
): PackageRequest {
  const isUsual = disk.label !== "msdos" && moreDisks.length === 0;
  const contents = [disk, ...moreDisks].flatMap(({ partitions }) => partitions.map(contentOf));
  const kinds = new Set(contents.flatMap(volumesOf).map(({ fs }) => fs));
  const wanted = [
    ...(isUsual && !growsBySfdisk([disk]) ? [] : ["fdisk"]),
    ...(contents.some(({ lvm }) => lvm) ? ["lvm2"] : []),
    ...(contents.some(({ luks }) => luks) ? ["cryptsetup", "cryptsetup-initramfs"] : []),
    ...(kinds.has("xfs") ? ["xfsprogs"] : []),
    ...(kinds.has("btrfs") ? ["btrfs-progs"] : []),
  ];
  const missing = wanted.filter((name) => !request.include.includes(name) && !request.exclude.includes(name));
  return missing.length === 0 ? request : { ...request, include: [...request.include, ...missing] };
}

function mounted(disk: DiskPlan, ids: DiskIds): Mounted[] {
  const last = disk.partitions.at(-1);
  return placedVolumes(disk).map((placed) => ({
    ...placed,
    uuid: volumeUuid(ids, placed),
    isLast: placed.partition === last,
  }));
}

function grows({ volume, partition, isLast }: Mounted): boolean {
  return isLast && mountsOf(volume).length > 0 && contentOf(partition).lvm === undefined;
}

function fstab(volumes: readonly Mounted[], { espSerial }: DiskIds): string {
  const depth = (mount: string) => (mount === "/" ? 0 : mount.split("/").length);
  const lines = [
    ...volumes
      .flatMap(mountsWithOptions)
      .sort((a, b) => depth(a.mount) - depth(b.mount))
      .map(mountLine),
    ...volumes
      .filter(({ volume }) => volume.fs === "swap")
      .map(({ uuid, volume }) => `UUID=${uuid} none swap ${volume.options.join(",") || "sw"} 0 0`),
    `UUID=${espSerial.slice(0, 4)}-${espSerial.slice(4)} /boot/efi vfat noauto,umask=0077 0 0`,
  ];
  return `# <file system> <mount point> <type> <options> <dump> <pass>\n${lines.join("\n")}\n`;
}

/** A line of fstab. */
interface MountLine {
  readonly uuid: string;
  readonly fs: string;
  readonly mount: string;
  readonly options: readonly string[];
}

function mountsWithOptions({ uuid, volume, isLast, isBare }: Mounted): MountLine[] {
  const { fs, mount, options, subvolumes = [] } = volume;
  const all = [
    ...(mount === undefined ? [] : [{ mount, options }]),
    ...subvolumes.map((one) => ({ mount: one.mount, options: [...options, ...one.options, `subvol=${one.name}`] })),
  ];
  const grows = isLast || !isBare; // one in a container is made small
  return all.map((one, index) => ({
    uuid,
    fs,
    mount: one.mount,
    options: [
      ...(one.options.length > 0 ? one.options : ["defaults"]),
      ...(one.mount === "/" && fs === "ext4" ? ["errors=remount-ro"] : []),
      ...(grows && index === 0 ? ["x-systemd.growfs"] : []),
    ],
  }));
}

/** Only ext4 is checked before it is mounted; the others look after themselves. */
function mountLine({ uuid, fs, mount, options }: MountLine): string {
  const pass = fs !== "ext4" ? 0 : mount === "/" ? 1 : 2;
  return `UUID=${uuid} ${mount} ${fs} ${options.join(",")} 0 ${pass}`;
}

function script(): FileEdit {
  return { kind: "file", path: GROW_PARTITION, content: GROW_SCRIPT, mode: 0o755, withParents: true };
}

/** Between the mount and the unit that lets its file system grow. */
function growUnit(mount: string): FileEdit[] {
  const name = escapePath(mount);
  const unit = `vmbuilder-grow-${name === "-" ? "root" : name}.service`;
  const growFs = name === "-" ? "systemd-growfs-root.service" : `systemd-growfs@${name}.service`;
  const content = [
    "# Written by vmbuilder: a partition grows to the end of its disk",
    "[Unit]",
    `Description=Grow the partition of ${mount}`,
    "DefaultDependencies=no",
    `After=systemd-remount-fs.service ${name}.mount`,
    `Before=${growFs} shutdown.target`,
    "Conflicts=shutdown.target",
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${GROW_PARTITION} ${mount.replaceAll("%", "%%")}`,
    "",
  ].join("\n");
  const path = `/etc/systemd/system/${unit}`;
  return [
    { kind: "file", path, content, mode: 0o644 },
    { kind: "directory", path: `/etc/systemd/system/${growFs}.wants`, mode: 0o755 },
    { kind: "symlink", path: `/etc/systemd/system/${growFs}.wants/${unit}`, target: path },
  ];
}

/** A path as it stands in a unit's name. @see https://manpages.debian.org/systemd-escape */
function escapePath(path: string): string {
  if (path === "/") return "-";
  return Buffer.from(path.slice(1)).reduce((text, byte, index) => {
    const character = String.fromCharCode(byte);
    if (character === "/") return `${text}-`;
    const isPlain = /[A-Za-z0-9:_]/.test(character) || (character === "." && index > 0);
    return text + (isPlain ? character : `\\x${byte.toString(16).padStart(2, "0")}`);
  }, "");
}
