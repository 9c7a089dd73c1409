import type { FileEdit } from "../../model/file-edit.ts";
import { placeLogicalVolumes } from "../../model/logical-volumes.ts";
import { contentOf, type DiskPlan } from "../../model/storage-plan.ts";

const GROW = "/usr/local/lib/vmbuilder/grow-group";
const UNIT = "vmbuilder-grow-group.service";

/** What became free because the partition has grown goes to the volume; what was left free before stays so. */
const GROW_GROUP = `#!/bin/sh
# Written by vmbuilder: lets volume $2 of group $1 grow by what the partition of the group has grown
set -eu
group() { pvs --noheadings --options "$2" --select "vg_name=$1" | head -n 1 | tr -d " "; }
before=$(group "$1" pv_pe_count)
pvresize --quiet "$(group "$1" pv_name)"
more=$(($(group "$1" pv_pe_count) - before))
[ "$more" -le 0 ] || lvextend --quiet --extents "+$more" "$1/$2"
`;

/**
 * What lets the group at the end of the first disk grow at boot: systemd-repart grows its partition, then the group and its
 * last volume follow, and then that volume's file system.
 */
export function groupEdits(disk: DiskPlan): FileEdit[] {
  const partition = disk.partitions.at(-1);
  const group = partition && contentOf(partition).lvm;
  const last = group && placeLogicalVolumes(partition, group.volumes).at(-1)?.volume;
  if (!last || disk.label === "msdos") return [];
  const unit = [
    "# Written by vmbuilder: the volume group grows to the end of its disk",
    "[Unit]",
    `Description=Grow the volume group ${group.group}`,
    "DefaultDependencies=no",
    "After=systemd-repart.service systemd-remount-fs.service",
    "Before=systemd-growfs-root.service local-fs-pre.target shutdown.target",
    "Conflicts=shutdown.target",
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${GROW} ${group.group} ${last.name}`,
    "",
  ];
  const repart = `# Written by vmbuilder: the volume group's partition grows to the end of its disk\n[Partition]\nType=${partition.typeGuid.toLowerCase()}\n`;
  const wants = "/etc/systemd/system/sysinit.target.wants";
  return [
    { kind: "file", path: "/etc/repart.d/50-root.conf", content: repart, mode: 0o644 },
    { kind: "file", path: GROW, content: GROW_GROUP, mode: 0o755, withParents: true },
    { kind: "file", path: `/etc/systemd/system/${UNIT}`, content: unit.join("\n"), mode: 0o644 },
    { kind: "directory", path: wants, mode: 0o755 },
    { kind: "symlink", path: `${wants}/${UNIT}`, target: `/etc/systemd/system/${UNIT}` },
  ];
}
