import type { Option } from "commander";
import { type BuildOptionKey, buildOptions } from "./option-table.ts";

/**
 * Longer texts for the manual, the reference and the recipe's schema, where each option stands by itself. In the help some share a line, and its
 * text with it.
 */
const MANUAL_TEXTS: Readonly<Partial<Record<BuildOptionKey, string>>> = {
  "hypervisor":
    "what runs the machine, such as kvm, libvirt, vmware, vbox, hyperv or ova; several make a disk and a description for each",
  "format": "further disk formats beside the hypervisor's own, such as raw, qcow2-compressed, vmdk, vdi or vhdx",
  "user-config": "the user's configuration, a recipe that all builds begin with; none: without it",
  "system-config": "the host's configuration, beneath the user's; none: without it",
  "swapsize": "swap; 0 for none",
  "optsize": "a file system of its own for /opt, of this size",
  "lvm": "put swap, /opt and root into a volume group, beside a /boot",
  "luks-pass-file": "encrypt everything but /boot; the passphrase is the file's first line",
  "part": "file that lays out the partitions, instead of the sizes: MOUNTPOINT SIZE lines",
  "raw": "write the disk there, into a file or device that exists; may be repeated, for further disks",
  "yes": "with --raw: write over what the targets hold without asking",
  "addpkg": "packages to add; ./FILE.deb is a file of this host, TASK^ a task of Ubuntu's",
  "cloud-init": "file with user data for cloud-init, which is then installed",
  "mask": "network mask, where --ip has no prefix length",
  "gw": "IPv4 gateway",
  "bridge": "bridge of the host that the machine's network card is connected to",
  "pass-file": "file whose first line is the user's password",
  "pass": "the user's password; other users of this host can see it in ps, so --pass-file is better",
  "rootpass-file": "file whose first line is root's password",
  "rootpass": "root's password; other users of this host can see it in ps, so --rootpass-file is better",
  "install-mirror": "package mirror for the build alone; the machine gets --mirror or the default one",
  "ppa": "personal package archive, OWNER/NAME; may be repeated",
  "dest": "folder of the result",
  "update-lock": "choose the packages anew and write the recipe's lock",
  "no-lock": "build as if the recipe had no lock",
  "cache-dir": "folder of the cache",
};

const ROWS = new Map<string, { readonly help: string; readonly standard?: string }>(
  buildOptions.map((row) => [row.key, row]),
);

/** What an option does, told without its neighbours in the help. */
export function manualText(option: Option): string {
  const row = ROWS.get(option.name());
  const text = MANUAL_TEXTS[option.name() as BuildOptionKey];
  if (row === undefined || text === undefined || !option.description.startsWith(row.help)) return option.description;
  return row.standard === undefined ? text : `${text} (default ${row.standard})`;
}
