import type { TreeFacts } from "../../core/distro.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { DiskIds, Identity } from "../../model/identity.ts";
import { bootPlace, rootDevice, rootFlags, volumeUuid } from "../../model/placed-volume.ts";
import type { DiskPlan } from "../../model/storage-plan.ts";
import { accountEdits } from "./accounts.ts";
import { BOOT_PARTS } from "./boot-parts.ts";
import { cloudInitEdits } from "./cloud-init.ts";
import { architectureOf, consolesOf } from "./console.ts";
import { containerOptions, withIds } from "./containers.ts";
import { firstScriptEdits } from "./first-scripts.ts";
import { keymapEdits } from "./keymap.ts";
import type { FamilyMember } from "./member.ts";
import { mountEdits } from "./mounts.ts";

const file = (path: string, content: string, mode = 0o644): FileEdit => ({ kind: "file", path, content, mode });

/** Everything that makes a tree one particular machine. Pure. */
export function identifyMachine(
  { menu, networkEdits, cloudRenderer }: Pick<FamilyMember, "menu" | "networkEdits" | "cloudRenderer">,
  identity: Identity,
  facts: TreeFacts,
  disk: DiskPlan,
  moreDisks: readonly DiskPlan[] = [],
): FileEdit[] {
  return [
    file("/etc/hostname", `${identity.hostname.split(".")[0]}\n`),
    file("/etc/hosts", hosts(fullName(identity))),
    ...mountEdits(identity, disk, moreDisks),
    file(
      "/boot/grub/grub.cfg",
      grubConfiguration(menu, identity.ids, disk, facts, containerOptions(withIds(identity, disk, moreDisks))),
      0o444,
    ),
    ...sshdEdits(identity, facts),
    ...(identity.cloudInit?.networkConfig === undefined ? networkEdits(identity.network) : []),
    ...firstScriptEdits(identity),
    ...(identity.timezone ? timezoneEdits(identity.timezone) : []),
    // trixie's systemd reads locale.conf and makes the other a link to it, earlier ones read the other
    ...(identity.lang
      ? ["/etc/locale.conf", "/etc/default/locale"].map((path) => file(path, `LANG=${identity.lang}\n`))
      : []),
    ...cloudInitEdits(identity, cloudRenderer),
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

/** The first boot's menu. The guest's own update-grub replaces it at the first kernel update, by the same settings. */
function grubConfiguration(
  { title, classes }: FamilyMember["menu"],
  ids: DiskIds,
  disk: DiskPlan,
  facts: TreeFacts,
  openContainers: readonly string[],
): string {
  const { kernelVersion } = facts;
  const architecture = architectureOf(facts);
  const { kernel: consoles, hasLoaderSerial } = consolesOf(architecture);
  const kernel = `${BOOT_PARTS[architecture].kernel}-${kernelVersion}`;
  const { label, volume, mount } = bootPlace(disk);
  const folder = mount === "/" ? "/boot" : "";
  const root = [`root=${rootDevice(ids, disk)}`, ...rootFlags(disk), ...openContainers].join(" ");
  const options = classes.map((name) => `--class ${name}`).join(" ");
  return [
    "# Written by vmbuilder for the first boots; update-grub replaces it.",
    "set timeout=0",
    `insmod part_${label}`,
    "insmod ext2",
    ...(hasLoaderSerial
      ? ["serial --unit=0 --speed=115200", "terminal_input console serial", "terminal_output console serial"]
      : []),
    `search --no-floppy --fs-uuid --set=root ${volumeUuid(ids, volume)}`,
    `menuentry '${title}' ${options} {`,
    `\tlinux ${folder}/${kernel} ${root} ro ${consoles}`,
    `\tinitrd ${folder}/initrd.img-${kernelVersion}`,
    "}",
    `menuentry '${title} (recovery mode)' ${options} {`,
    `\tlinux ${folder}/${kernel} ${root} ro single ${consoles}`,
    `\tinitrd ${folder}/initrd.img-${kernelVersion}`,
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
