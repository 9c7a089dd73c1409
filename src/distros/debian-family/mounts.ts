import type { FileEdit } from "../../model/file-edit.ts";
import type { DiskIds, Identity } from "../../model/identity.ts";
import { type PlacedVolume, placedVolumes, volumeUuid } from "../../model/placed-volume.ts";

import type { PackageRequest, Plan } from "../../model/plan.ts";
import { contentOf, type DiskPlan } from "../../model/storage-plan.ts";
import { groupEdits } from "./volume-groups.ts";

const GROW = "/usr/local/lib/vmbuilder/grow-partition";

/** What is behind a partition may have become free when the disk was made larger. */
const GROW_PARTITION = `#!/bin/sh
# Written by vmbuilder: lets the partition that is mounted at $1 grow to the end of its disk
set -eu
name=$(basename "$(readlink -f "$(findmnt -no SOURCE "$1")")")
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
  const first = mounted(disk, identity.ids);
  const more = moreDisks.flatMap((one, index) => mounted(one, identity.moreIds?.[index] ?? identity.ids));
  const growing = [
    ...(disk.label === "msdos" ? first.filter(grows) : []), // systemd-repart knows GPT alone
    ...more.filter(grows),
  ];
  return [
    { kind: "file", path: "/etc/fstab", content: fstab([...first, ...more], identity.ids), mode: 0o644 },
    ...(growing.length > 0 ? [script()] : []),
    ...groupEdits(disk),
    ...growing.flatMap(({ volume }) => growUnit(volume.mount ?? "/")),
  ];
}

/** Adds the packages that a layout needs in the guest: sfdisk for what systemd-repart doesn't grow, and LVM. */
export function withStoragePackages(
  request: PackageRequest,
  { disk, moreDisks = [] }: Pick<Plan, "disk" | "moreDisks">,
): PackageRequest {
  const isUsual = disk.label !== "msdos" && moreDisks.length === 0;
  const hasGroup = [disk, ...moreDisks].some(({ partitions }) => partitions.some((one) => contentOf(one).lvm));
  const wanted = [...(isUsual ? [] : ["fdisk"]), ...(hasGroup ? ["lvm2"] : [])];
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

function grows({ volume, isBare, isLast }: Mounted): boolean {
  return isBare && isLast && volume.mount !== undefined;
}

function fstab(volumes: readonly Mounted[], { espSerial }: DiskIds): string {
  const mounts = volumes.filter(({ volume }) => volume.mount !== undefined);
  const depth = ({ volume }: Mounted) => (volume.mount === "/" ? 0 : (volume.mount ?? "").split("/").length);
  const lines = [
    ...mounts.sort((a, b) => depth(a) - depth(b)).map(mountLine),
    ...volumes
      .filter(({ volume }) => volume.fs === "swap")
      .map(({ uuid, volume }) => `UUID=${uuid} none swap ${volume.options.join(",") || "sw"} 0 0`),
    `UUID=${espSerial.slice(0, 4)}-${espSerial.slice(4)} /boot/efi vfat noauto,umask=0077 0 0`,
  ];
  return `# <file system> <mount point> <type> <options> <dump> <pass>\n${lines.join("\n")}\n`;
}

function mountLine({ uuid, volume, isLast }: Mounted): string {
  const isRoot = volume.mount === "/";
  const options = [
    volume.options.join(",") || "defaults",
    ...(isRoot ? ["errors=remount-ro"] : []),
    ...(isLast ? ["x-systemd.growfs"] : []),
  ];
  return `UUID=${uuid} ${volume.mount} ${volume.fs} ${options.join(",")} 0 ${isRoot ? 1 : 2}`;
}

function script(): FileEdit {
  return { kind: "file", path: GROW, content: GROW_PARTITION, mode: 0o755, withParents: true };
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
    `ExecStart=${GROW} ${mount.replaceAll("%", "%%")}`,
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
