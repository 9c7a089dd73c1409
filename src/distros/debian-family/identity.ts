import type { TreeFacts } from "../../core/distro.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity } from "../../model/identity.ts";
import type { DiskPlan } from "../../model/storage-plan.ts";
import { accountEdits } from "./accounts.ts";
import { firstScriptEdits } from "./first-scripts.ts";
import { keymapEdits } from "./keymap.ts";
import type { FamilyMember } from "./member.ts";

const file = (path: string, content: string, mode = 0o644): FileEdit => ({ kind: "file", path, content, mode });

/** Everything that makes a tree one particular machine. Pure. */
export function identifyMachine(
  { menu, networkEdits }: Pick<FamilyMember, "menu" | "networkEdits">,
  identity: Identity,
  facts: TreeFacts,
  disk: DiskPlan,
): FileEdit[] {
  return [
    file("/etc/hostname", `${identity.hostname.split(".")[0]}\n`),
    file("/etc/hosts", hosts(fullName(identity))),
    file("/etc/fstab", fstab(identity, disk)),
    file("/boot/grub/grub.cfg", grubConfiguration(menu, identity.ids.rootUuid, facts.kernelVersion), 0o444),
    ...sshdEdits(identity, facts),
    ...networkEdits(identity.network),
    ...firstScriptEdits(identity),
    ...(identity.timezone ? timezoneEdits(identity.timezone) : []),
    // trixie's systemd reads locale.conf and makes the other a link to it, earlier ones read the other
    ...(identity.lang
      ? ["/etc/locale.conf", "/etc/default/locale"].map((path) => file(path, `LANG=${identity.lang}\n`))
      : []),
    ...keymapEdits(identity.keymap),
    ...accountEdits(identity, facts.files), // with the files that are copied, which so replace any of these
  ];
}

function fullName({ hostname, network }: Identity): string {
  return network.domain === undefined || hostname.includes(".") ? hostname : `${hostname}.${network.domain}`;
}

function hosts(hostname: string): string {
  const short = hostname.split(".")[0];
  const names = short === hostname ? hostname : `${hostname} ${short}`;
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${names}\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n`;
}

/** Root grows to its partition at boot, after systemd-repart has grown that to its disk. */
function fstab({ ids }: Identity, disk: DiskPlan): string {
  const lines = [
    `UUID=${ids.rootUuid} / ext4 defaults,errors=remount-ro,x-systemd.growfs 0 1`,
    ...(disk.partitions.some(({ role }) => role === "swap") ? [`UUID=${ids.swapUuid} none swap sw 0 0`] : []),
    `UUID=${ids.espSerial.slice(0, 4)}-${ids.espSerial.slice(4)} /boot/efi vfat noauto,umask=0077 0 0`,
  ];
  return `# <file system> <mount point> <type> <options> <dump> <pass>\n${lines.join("\n")}\n`;
}

/** The first boot's menu. The guest's own update-grub replaces it at the first kernel update, by the same settings. */
function grubConfiguration({ title, classes }: FamilyMember["menu"], rootUuid: string, kernelVersion: string): string {
  const options = classes.map((name) => `--class ${name}`).join(" ");
  return [
    "# Written by vmbuilder for the first boots; update-grub replaces it.",
    "set timeout=0",
    "insmod part_gpt",
    "insmod ext2",
    "serial --unit=0 --speed=115200",
    "terminal_input console serial",
    "terminal_output console serial",
    `search --no-floppy --fs-uuid --set=root ${rootUuid}`,
    `menuentry '${title}' ${options} {`,
    `\tlinux /boot/vmlinuz-${kernelVersion} root=UUID=${rootUuid} ro console=tty0 console=ttyS0,115200n8`,
    `\tinitrd /boot/initrd.img-${kernelVersion}`,
    "}",
    `menuentry '${title} (recovery mode)' ${options} {`,
    `\tlinux /boot/vmlinuz-${kernelVersion} root=UUID=${rootUuid} ro single console=tty0 console=ttyS0,115200n8`,
    `\tinitrd /boot/initrd.img-${kernelVersion}`,
    "}",
    "",
  ].join("\n");
}

/** Passwords over ssh only where one was set. */
function sshdEdits(identity: Identity, facts: TreeFacts): FileEdit[] {
  const hasServer = facts.packages.some(({ name }) => name === "openssh-server");
  const hasPassword = identity.rootPasswordHash !== undefined || identity.user?.passwordHash !== undefined;
  if (!hasServer || hasPassword) return [];
  return [
    file(
      "/etc/ssh/sshd_config.d/50-vmbuilder.conf",
      "# Written by vmbuilder: nobody here has a password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
    ),
  ];
}

function timezoneEdits(timezone: string): FileEdit[] {
  return [
    file("/etc/timezone", `${timezone}\n`),
    { kind: "symlink", path: "/etc/localtime", target: `/usr/share/zoneinfo/${timezone}` },
  ];
}
