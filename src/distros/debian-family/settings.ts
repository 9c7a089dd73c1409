import type { Architecture } from "../../model/architecture.ts";
import type { TarItem } from "../../system/tar-writer.ts";
import { consolesOf } from "./console.ts";

const file = (path: string, content: string, mode = 0o644): TarItem => ({ kind: "file", path, content, mode });
const directory = (path: string): TarItem => ({ kind: "directory", path, mode: 0o755 });

/**
 * Drivers of every disk that a hypervisor may present: virtio, SATA and IDE, NVMe, VMware's, Hyper-V's, Xen's, and the
 * SCSI adapters that emulators offer; and the root file systems. Names that a kernel doesn't have are passed over.
 */
const INITRAMFS_MODULES = [
  ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi"],
  ["ahci", "ata_piix", "ata_generic", "sd_mod", "sr_mod"],
  ["nvme"],
  ["vmw_pvscsi", "mptspi", "mptsas", "BusLogic"],
  ["hv_vmbus", "hv_storvsc"],
  ["xen_blkfront"],
  ["sym53c8xx", "megaraid_sas"],
  ["ext4"],
].flat();

/** Puts the drivers into the initramfs; udev loads those whose hardware is there. A list in modules.d would load them all. */
const INITRAMFS_HOOK = `#!/bin/sh
# Written by vmbuilder: disks of all common hypervisors
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules ${INITRAMFS_MODULES.join(" ")}
[ ! -x /usr/sbin/mkfs.xfs ] || manual_add_modules xfs
[ ! -x /usr/bin/btrfs ] || manual_add_modules btrfs
`;

/**
 * Each machine makes its own ssh host keys at its first boot: one before the server starts, the others, of which the RSA
 * key takes seconds under software emulation, behind it. The server knows those from its next start on.
 */
export const SSH_HOST_KEY_UNITS = [
  {
    name: "vmbuilder-ssh-host-key.service",
    lines: [
      "# Written by vmbuilder: each machine makes its own ssh host keys at its first boot",
      "[Unit]",
      "Description=Make the first ssh host key",
      "ConditionPathExists=/usr/bin/ssh-keygen",
      "ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key",
      "Before=ssh.service ssh.socket",
      "",
      "[Service]",
      "Type=oneshot",
      'ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key',
      "",
      "[Install]",
      "WantedBy=multi-user.target",
    ],
  },
  {
    name: "vmbuilder-ssh-more-host-keys.service",
    lines: [
      "# Written by vmbuilder: the other ssh host keys, which nobody waits for",
      "[Unit]",
      "Description=Make the other ssh host keys",
      "ConditionPathExists=/usr/bin/ssh-keygen",
      "ConditionPathExists=!/etc/ssh/ssh_host_rsa_key",
      "After=ssh.service ssh.socket vmbuilder-ssh-host-key.service",
      "",
      "[Service]",
      "Type=oneshot",
      "ExecStart=/usr/bin/ssh-keygen -A",
      "",
      "[Install]",
      "WantedBy=multi-user.target",
    ],
  },
];

/** What the guest's own update-grub is told. */
export function loaderSettings(architecture: Architecture): TarItem {
  const { kernel, hasLoaderSerial } = consolesOf(architecture);
  const lines = [
    "# Written by vmbuilder: boot at once (hold Shift or press Esc for the menu), on screen and serial line",
    "GRUB_TIMEOUT=0",
    "GRUB_TIMEOUT_STYLE=hidden",
    `GRUB_CMDLINE_LINUX="${kernel}"`,
    ...(hasLoaderSerial
      ? ['GRUB_TERMINAL="console serial"', 'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"']
      : []),
    "GRUB_DISABLE_OS_PROBER=true",
  ];
  return file("/etc/default/grub.d/50-vmbuilder.cfg", lines.map((line) => `${line}\n`).join(""));
}

/** Configuration of a machine whatever its packages and identity: all of it drop-in files that the guest keeps. */
export const SETTINGS: readonly TarItem[] = [
  directory("/etc/initramfs-tools"),
  directory("/etc/initramfs-tools/conf.d"),
  file(
    "/etc/initramfs-tools/conf.d/vmbuilder",
    "# Written by vmbuilder: a virtual machine's initramfs needs few drivers (see hooks/vmbuilder).\n# For any hardware: MODULES=most, then update-initramfs -u.\nMODULES=list\nRESUME=none\n# Little larger, and made in half the time.\nCOMPRESSLEVEL=1\n",
  ),
  directory("/etc/initramfs-tools/hooks"),
  file("/etc/initramfs-tools/hooks/vmbuilder", INITRAMFS_HOOK, 0o755),
  directory("/etc/default"),
  directory("/etc/default/grub.d"),
  file("/etc/fstab", "/dev/disk/by-label/root / ext4 defaults 0 1\n"),
  directory("/etc/systemd"),
  directory("/etc/systemd/system"),
  ...SSH_HOST_KEY_UNITS.map(({ name, lines }) =>
    file(`/etc/systemd/system/${name}`, lines.map((line) => `${line}\n`).join("")),
  ),
  directory("/etc/repart.d"),
  file(
    "/etc/repart.d/50-root.conf",
    "# Written by vmbuilder: the root partition grows to the end of its disk\n[Partition]\nType=root\n",
  ),
];

/** Where grub-pc may install itself isn't known before the machine runs: an upgrade leaves the boot sectors as they are. */
export const DEBCONF = [
  "grub-pc grub-pc/install_devices multiselect",
  "grub-pc grub-pc/install_devices_empty boolean true",
  "",
].join("\n");

/** Root's folders of a merged /usr, before the first package. @see https://wiki.debian.org/UsrMerge */
export function mergedUsr(architecture: Architecture): TarItem[] {
  const folders = ["bin", "lib", ...(architecture === "amd64" ? ["lib64"] : []), "sbin"];
  const links = folders.flatMap((name): TarItem[] => [
    directory(`/usr/${name}`),
    { kind: "symlink", path: `/${name}`, target: `usr/${name}` },
  ]);
  return [directory("/usr"), ...links];
}
