import type { FileEdit } from "../../model/file-edit.ts";
import { placeLogicalVolumes } from "../../model/logical-volumes.ts";
import { innerPlace } from "../../model/placed-volume.ts";
import { contentOf, type DiskPlan, type Partition } from "../../model/storage-plan.ts";

/** A script that lets a partition grow which systemd-repart doesn't. */
export const GROW_PARTITION = "/usr/local/lib/vmbuilder/grow-partition";
const GROW = "/usr/local/lib/vmbuilder/grow-group";
const UNIT = "vmbuilder-grow-group.service";

/** What became free because the partition has grown goes to the volume; what was left free before stays so. */
const GROW_GROUP = `#!/bin/sh
# Written by vmbuilder: lets volume $2 of group $1 grow by what the partition of the group has grown
set -eu
group() { pvs --noheadings --options "$2" --select "vg_name=$1" | head -n 1 | tr -d " "; }
before=$(group "$1" pv_pe_count)
device=$(group "$1" pv_name)
[ ! -x ${GROW_PARTITION} ] || ${GROW_PARTITION} "$device"
container=$(dmsetup info --columns --noheadings --options name "$device" 2>/dev/null) || container=
[ -z "$container" ] || cryptsetup resize "$container"
pvresize --quiet "$device"
more=$(($(group "$1" pv_pe_count) - before))
[ "$more" -le 0 ] || lvextend --quiet --extents "+$more" "$1/$2"
`;

/** A group at the end of a disk, and what of it grows. */
interface GrowingGroup {
  readonly group: string;
  readonly volume: string;
  readonly partition: Partition;
  /** Its partition grows by systemd-repart, which knows GPT alone, and the disk that root is on if no container lies between. */
  readonly isRepart: boolean;
}

/** Whether a group's partition is one that systemd-repart doesn't grow. */
export function growsBySfdisk(disks: readonly DiskPlan[]): boolean {
  return growingGroups(disks).some(({ isRepart }) => !isRepart);
}

/** What lets the group at the end of a disk grow at boot: its partition, the group, its last volume; then that one's file system. */
export function groupEdits(disks: readonly DiskPlan[]): FileEdit[] {
  const growing = growingGroups(disks);
  if (growing.length === 0) return [];
  const unit = [
    "# Written by vmbuilder: volume groups grow to the ends of their disks",
    "[Unit]",
    "Description=Grow volume groups",
    "DefaultDependencies=no",
    "After=systemd-repart.service systemd-remount-fs.service",
    "Before=systemd-growfs-root.service local-fs-pre.target shutdown.target",
    "Conflicts=shutdown.target",
    "",
    "[Service]",
    "Type=oneshot",
    ...growing.map(({ group, volume }) => `ExecStart=${GROW} ${group} ${volume}`),
    "",
  ];
  const repart = growing
    .filter(({ isRepart }) => isRepart)
    .map(({ partition }): FileEdit => {
      const content = `# Written by vmbuilder: the volume group's partition grows to the end of its disk\n[Partition]\nType=${partition.typeGuid.toLowerCase()}\n`;
      return { kind: "file", path: "/etc/repart.d/50-root.conf", content, mode: 0o644 };
    });
  const wants = "/etc/systemd/system/sysinit.target.wants";
  return [
    ...repart,
    { kind: "file", path: GROW, content: GROW_GROUP, mode: 0o755, withParents: true },
    { kind: "file", path: `/etc/systemd/system/${UNIT}`, content: unit.join("\n"), mode: 0o644 },
    { kind: "directory", path: wants, mode: 0o755 },
    { kind: "symlink", path: `${wants}/${UNIT}`, target: `/etc/systemd/system/${UNIT}` },
  ];
}

function growingGroups(disks: readonly DiskPlan[]): GrowingGroup[] {
  return disks.flatMap((disk, index) => {
    const partition = disk.partitions.at(-1);
    const group = partition && contentOf(partition).lvm;
    const last = group && placeLogicalVolumes(innerPlace(partition), group.volumes).at(-1)?.volume;
    if (!last) return [];
    const isRepart = index === 0 && disk.label !== "msdos" && !contentOf(partition).luks;
    return [{ group: group.group, volume: last.name, partition, isRepart }];
  });
}
