import type { Aspect } from "./compare-trees.ts";

/** A difference that is meant to be. */
export interface AcceptedDifference {
  /** Shell patterns; `**` stands for any number of folders. */
  readonly paths: readonly string[];
  readonly aspects: readonly Aspect[];
  readonly reason: string;
}

/** "Missing" and "extra" are told of vmbuilder's tree. The list is repeated in docs/tree-differences.md. */
export const ACCEPTED_DIFFERENCES: readonly AcceptedDifference[] = [
  {
    paths: ["/dev/*"],
    aspects: ["missing"],
    reason: "the kernel mounts devtmpfs on /dev; an ordinary user cannot make device nodes",
  },
  {
    paths: ["/run/lock", "/run/lock/subsys"],
    aspects: ["missing"],
    reason: "/run is a tmpfs of the running machine; systemd-tmpfiles makes what belongs there",
  },
  {
    paths: ["/etc/initramfs-tools/conf.d/vmbuilder", "/etc/initramfs-tools/hooks/vmbuilder"],
    aspects: ["extra"],
    reason: "settings: an initramfs with the disk drivers of all common hypervisors and no others",
  },
  {
    paths: ["/boot/initrd.img-*"],
    aspects: ["content"],
    reason: "made with those settings",
  },
  {
    paths: ["/boot/grub/i386-pc", "/boot/grub/i386-pc/*", "/boot/grub/x86_64-efi", "/boot/grub/x86_64-efi/*"],
    aspects: ["extra"],
    reason: "copies of GRUB's modules, as grub-install makes them; mmdebstrap installs no boot loader",
  },
  {
    paths: ["/etc/default/grub.d/50-vmbuilder.cfg"],
    aspects: ["extra"],
    reason: "settings: boot at once, on screen and serial line",
  },
  {
    paths: ["/etc/fstab"],
    aspects: ["content"],
    reason: "names the root file system and the EFI system partition",
  },
  {
    paths: ["/boot/efi"],
    aspects: ["extra"],
    reason: "the folder that fstab mounts the EFI system partition on",
  },
  {
    paths: ["/etc/repart.d", "/etc/repart.d/50-root.conf"],
    aspects: ["extra"],
    reason: "settings: the root partition grows to its disk",
  },
  {
    paths: [
      "/etc/systemd/network/80-vmbuilder-dhcp.network",
      "/etc/systemd/system/dbus-org.freedesktop.network1.service",
      "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
      "/etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service",
      "/etc/systemd/system/sockets.target.wants",
      "/etc/systemd/system/sockets.target.wants/systemd-networkd.socket",
      "/etc/systemd/system/sysinit.target.wants/systemd-network-generator.service",
    ],
    aspects: ["extra"],
    reason: "settings: DHCP on every wired interface, by systemd-networkd, which is enabled",
  },
  {
    paths: [
      "/etc/systemd/system/vmbuilder-ssh-host-key.service",
      "/etc/systemd/system/multi-user.target.wants/vmbuilder-ssh-host-key.service",
      "/etc/systemd/system/vmbuilder-ssh-more-host-keys.service",
      "/etc/systemd/system/multi-user.target.wants/vmbuilder-ssh-more-host-keys.service",
    ],
    aspects: ["extra"],
    reason: "settings: each machine makes its ssh host keys at its first boot",
  },
  {
    paths: ["/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub"],
    aspects: ["missing"],
    reason: "host keys in an image would be the same in every copy",
  },
  {
    paths: ["/etc/machine-id"],
    aspects: ["mode"],
    reason: "empty in both; systemd-machine-id-setup's own mode is 0444",
  },
  {
    paths: ["/var/lib/dbus/machine-id"],
    aspects: ["extra"],
    reason: "a link to /etc/machine-id, so that dbus has the same id; mmdebstrap leaves it out",
  },
  {
    paths: ["/etc/hostname"],
    aspects: ["missing"],
    reason: "mmdebstrap copies the building machine's name; here identity writes the new machine's",
  },
  {
    paths: ["/etc/.resolv.conf.systemd-resolved.bak"],
    aspects: ["missing"],
    reason: "mmdebstrap keeps the building machine's resolver there",
  },
  {
    paths: ["/etc/apt/sources.list"],
    aspects: ["missing"],
    reason: "replaced by /etc/apt/sources.list.d/debian.sources",
  },
  {
    paths: ["/etc/apt/sources.list.d/debian.sources"],
    aspects: ["extra"],
    reason: "the same sources as deb822, without a path of the building machine",
  },
  {
    paths: [
      "/etc/{passwd,group,shadow,gshadow}-",
      "/var/cache/debconf/{config,templates}.dat-old",
      "/var/lib/dpkg/{diversions,statoverride,status}-old",
    ],
    aspects: ["missing"],
    reason: "backups of states that no machine was ever in",
  },
  {
    paths: ["/var/cache/apt/archives/lock", "/var/lib/apt/lists/lock"],
    aspects: ["missing"],
    reason: "empty; apt makes them when it runs",
  },
  {
    paths: ["/var/lib/apt/extended_states"],
    aspects: ["content"],
    reason:
      "what only essential packages depend on is marked as automatic, too; mmdebstrap unpacks it without apt, which therefore never marks it. Beside that the marks must agree",
  },
  {
    paths: ["/var/lib/dpkg/arch"],
    aspects: ["missing"],
    reason: "says that the only architecture is the native one, which dpkg knows without it",
  },
  {
    paths: ["/var/lib/dpkg/available"],
    aspects: ["extra"],
    reason: "empty, as debootstrap makes it; dselect updates it",
  },
];
