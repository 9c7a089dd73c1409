import { readdir } from "node:fs/promises";
import { type BuildContext, epochEnvironment } from "../../core/context.ts";
import { BOOT_FILES, type TreeFacts, type TreeRequest } from "../../core/distro.ts";
import { together } from "../../core/together.ts";
import type { Architecture } from "../../model/architecture.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { BootPlace } from "../../model/placed-volume.ts";
import { HOST_USR, runInGuest } from "../../system/guest.ts";
import { readGuestFiles } from "../../system/guest-files.ts";
import { extendedStates } from "../packagers/apt/extended-states.ts";
import { guestSourceFiles } from "../packagers/apt/guest-sources.ts";
import { POLICY_PATH } from "../packagers/apt/stubs.ts";
import { writeToTree } from "../packagers/apt/write-to-tree.ts";
import { BOOT_PARTS } from "./boot-parts.ts";
import type { FamilyMember } from "./member.ts";
import { SSH_HOST_KEY_UNITS } from "./settings.ts";

/** What identity is made from. */
const IDENTITY_FILES = [
  "/etc/passwd",
  "/etc/group",
  "/etc/shadow",
  "/etc/gshadow",
  "/etc/subuid",
  "/etc/subgid",
  "/etc/skel",
];

/** Root is the first partition by number. Disks that are laid out otherwise get images of their own. */
const USUAL_PLACE = { label: "gpt", partition: 1, directory: "/boot/grub" } as const;

/** Modules that the loader's own image needs to find its configuration; all others lie beside the configuration. */
const CORE_MODULES = ["ext2", "normal"];

const CLEAN = `
set -e
systemctl enable systemd-networkd.service ${SSH_HOST_KEY_UNITS.map(({ name }) => name).join(" ")}
if [ -e /usr/lib/systemd/systemd-resolved ] || [ -e /lib/systemd/systemd-resolved ]; then
  systemctl enable systemd-resolved.service
  ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
fi
for platform in i386-pc x86_64-efi arm64-efi riscv64-efi; do
  [ -d /usr/lib/grub/$platform ] || continue
  mkdir -p /boot/grub/$platform /boot/efi
  [ ! -e /boot/grub/$platform/normal.mod ] || continue # a tree that grew has them
  cp /usr/lib/grub/$platform/*.mod /usr/lib/grub/$platform/*.lst /boot/grub/$platform/
done
rm -rf /etc/ssh/ssh_host_*_key* /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/apt/lists/* /var/cache/apt/*
rm -f /var/cache/ldconfig/aux-cache
rm -rf /var/lib/dpkg/*-old /var/cache/debconf/*-old /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -rf /var/log/apt/* /etc/apt/sources.list /etc/hostname
find /var/log -type f -name '*.log' -delete
mkdir -p /var/cache/apt/archives
install -d -m 700 -o _apt -g root /var/lib/apt/lists/partial /var/cache/apt/archives/partial
: >/etc/machine-id
[ ! -d /var/lib/dbus ] || ln -s /etc/machine-id /var/lib/dbus/machine-id
rmdir "$1"
rm -f "$2"
ls /boot
du -s --block-size=1 --exclude=/dev --exclude=/proc --exclude=/run --exclude=/tmp /
`;

/**
 * Cleans a tree, makes those of the boot loader's images that aren't there, and reads what identity needs.
 *
 * @throws image-unbootable when no kernel with its initramfs is there
 */
export async function finishTree(
  member: Pick<FamilyMember, "name" | "keyring">,
  { tree, plan, lock }: TreeRequest,
  bootDirectory: string,
  context: BuildContext,
): Promise<TreeFacts> {
  const signal = context.signal;
  await writeToTree(
    tree,
    [
      {
        kind: "file",
        path: "/var/lib/apt/extended_states",
        content: extendedStates(lock, plan.architecture),
        mode: 0o644,
      },
      ...guestSourceFiles(lock.sources, { file: member.name, keyring: member.keyring }),
    ],
    signal,
  );
  const hasBootFiles = (await readdir(bootDirectory)).includes(BOOT_FILES.efi);
  const [{ stdout }] = await together([
    runInGuest(tree, ["sh", "-c", CLEAN, "sh", HOST_USR, POLICY_PATH], { signal, guestEnv: epochEnvironment(context) }),
    hasBootFiles ? Promise.resolve() : makeBootFiles(tree, plan.architecture, USUAL_PLACE, bootDirectory, signal), // from files that stay as they are
  ]);
  const lines = stdout.trim().split("\n");
  const kernelVersion = newestKernel(lines, BOOT_PARTS[plan.architecture].kernel);
  const sizeBytes = Number(lines.at(-1)?.split("\t")[0]);
  const files = Object.fromEntries(await readGuestFiles(tree, IDENTITY_FILES, signal));
  return { packages: lock.packages, kernelVersion, sizeBytes, files };
}

/** Makes the boot loader's images; it looks for its configuration on the disk that it was started from. */
export async function makeBootFiles(
  tree: string,
  architecture: Architecture,
  { label, partition, directory: configuration }: Pick<BootPlace, "label" | "partition" | "directory">,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, writableBinds: { "/run/boot": directory } };
  const image = (target: string, name: string, modules: readonly string[]) =>
    runInGuest(
      tree,
      [
        "grub-mkimage",
        "--format",
        target,
        "--prefix",
        `(,${label}${partition})${configuration}`,
        "--output",
        `/run/boot/${name}`,
        `part_${label}`,
        ...CORE_MODULES,
        ...modules,
      ],
      options,
    );
  const byUefi = image(BOOT_PARTS[architecture].efi, BOOT_FILES.efi, ["fat"]);
  if (architecture !== "amd64") {
    await byUefi;
    return;
  }
  await Promise.all([
    byUefi,
    image("i386-pc", BOOT_FILES.core, ["biosdisk"]),
    runInGuest(tree, ["cp", "/usr/lib/grub/i386-pc/boot.img", `/run/boot/${BOOT_FILES.mbr}`], options),
  ]);
}

function newestKernel(bootFiles: readonly string[], kernel: string): string {
  const versions = bootFiles.flatMap((name) => (name.startsWith(`${kernel}-`) ? name.slice(kernel.length + 1) : []));
  const newest = versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (newest === undefined || !bootFiles.includes(`initrd.img-${newest}`)) {
    throw new VmbuilderError(
      "image-unbootable",
      newest ? `kernel ${newest} has no initramfs` : "no kernel was installed",
      {
        hint: "look at --removepkg and --kernel-flavour",
      },
    );
  }
  return newest;
}
