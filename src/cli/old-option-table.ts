import type { BuildOptionKey } from "./option-table.ts";

/**
 * An option that the tool of 2008 to 2012 had and new command lines hardly need. `help` is for one that has an effect of its
 * own; `as` names the option that has taken its place and gets its value; `note` is for one that has no sense any more: what
 * to use instead.
 */
export type OldOption = { readonly flags: string } & (
  | { readonly help: string }
  | { readonly as: BuildOptionKey; readonly values?: "switch" | "files" }
  | { readonly note: string }
);

const EC2 = "no machines are made for EC2; import the disk of a machine for kvm there";
const XEN = "a machine starts by the boot loader and kernel of its own disk";

/** All of them, in the order of the help. */
export const oldOptions = [
  { flags: "-c, --config <FILE>", help: "configuration file of the old tool, in INI form" },
  { flags: "-t, --tmp <DIR>", help: "folder to work in (default: in the cache)" },
  { flags: "--tmpfs <SIZE>", help: "work in memory, where so much must be free; - for 1G" },
  { flags: "--manifest <FILE>", help: "write the list of packages to this file, too" },
  { flags: "--only-chroot", help: "make the system alone, as HOSTNAME.tar.zst" },
  { flags: "--destdir <DIR>", as: "dest" },
  { flags: "--flavour <NAME>", as: "kernel-flavour" },
  { flags: "--execscript <FILE>", as: "exec", values: "files" },
  { flags: "--debug", as: "verbose", values: "switch" },
  {
    flags: "--templates <DIR>",
    note: "nothing is made from templates; change the machine with --copy, --exec or --firstboot",
  },
  { flags: "-i, --in-place", note: "file systems are always made in place" },
  {
    flags: "--existing-chroot <DIR>",
    note: "a system is always made from packages; add your own with --copy or --exec",
  },
  { flags: "--chroot-dir <DIR>", note: "the system is made in a folder of its own, which is removed afterwards" },
  { flags: "--debootstrap-tarball <FILE>", note: "downloads are kept in the cache; see vmbuilder cache" },
  {
    flags: "--vbox-disk-format <NAME>",
    note: "vbox gets a VDI; for a VMDK beside it: --format vmdk",
  },
  { flags: "--xen-kernel <FILE>", note: XEN },
  { flags: "--xen-ramdisk <FILE>", note: XEN },
  { flags: "--ec2", note: EC2 },
  ...[
    "name",
    "bucket",
    "prefix",
    "user",
    "cert",
    "key",
    "access-key",
    "secret-key",
    "kernel",
    "ramdisk",
    "version",
  ].map((name) => ({ flags: `--ec2-${name} <TEXT>`, note: EC2 })),
  { flags: "--ec2-bundle", note: EC2 },
  { flags: "--ec2-upload", note: EC2 },
  { flags: "--ec2-register", note: EC2 },
] as const satisfies readonly OldOption[];
