/**
 * One option of `vmbuilder build`. Help, man page and shell completion read this table by way of commander.
 *
 * `key` is the long option without its dashes, and the recipe's key. `argument` names the value; FILE and DIR also
 * say what the shell completes. `kind`: `text` is one value, `list` may be repeated and split at commas or spaces,
 * `files` may be repeated, `switch` has no value. `standard` is what holds when the option isn't given, in words.
 */
export interface BuildOption {
  readonly key: string;
  readonly letter?: string;
  readonly kind: "text" | "list" | "files" | "switch";
  readonly argument?: string;
  readonly help: string;
  readonly group: OptionGroup;
  readonly choices?: readonly string[];
  readonly standard?: string;
  /** The option whose line in the help names this one too; it has no line of its own there. */
  readonly helpIn?: string;
}

/** Headings of the build command's options, in the order of its help. */
export const OPTION_GROUPS = ["General", "Disk", "System", "Users", "Network", "Sources", "Output"] as const;

/** A heading of {@link OPTION_GROUPS}. */
export type OptionGroup = (typeof OPTION_GROUPS)[number];

/** The options of `vmbuilder build`, in the order of its help. */
export const buildOptions = [
  { key: "distro", kind: "text", argument: "NAME", group: "General", help: "distribution", standard: "debian" },
  {
    key: "suite",
    kind: "text",
    argument: "NAME",
    group: "General",
    help: "release, such as trixie",
    standard: "stable",
  },
  {
    key: "arch",
    letter: "a",
    kind: "text",
    argument: "NAME",
    group: "General",
    help: "architecture",
    standard: "the host's",
  },
  {
    key: "hypervisor",
    kind: "text",
    argument: "NAME",
    group: "General",
    help: "what runs the machine",
    standard: "kvm",
  },
  { key: "dry-run", letter: "n", kind: "switch", group: "General", help: "show the plan and touch nothing" },
  {
    key: "rootsize",
    kind: "text",
    argument: "SIZE",
    group: "Disk",
    help: "root file system; grows at first boot",
    standard: "4G",
  },
  { key: "swapsize", kind: "text", argument: "SIZE", group: "Disk", help: "swap; 0 for none", standard: "1G" },
  {
    key: "variant",
    kind: "text",
    argument: "NAME",
    group: "System",
    choices: ["standard", "minbase"],
    help: "standard or minbase",
    standard: "standard",
  },
  { key: "addpkg", kind: "list", argument: "NAME,...", group: "System", help: "packages to add; may be repeated" },
  {
    key: "removepkg",
    kind: "list",
    argument: "NAME,...",
    group: "System",
    help: "packages to leave out; may be repeated",
  },
  { key: "kernel-flavour", kind: "text", argument: "NAME", group: "System", help: "kernel, such as cloud-amd64" },
  {
    key: "lang",
    kind: "text",
    argument: "LOCALE",
    group: "System",
    help: "locale, such as de_DE.UTF-8",
    standard: "C.UTF-8",
  },
  {
    key: "timezone",
    kind: "text",
    argument: "ZONE",
    group: "System",
    help: "time zone, such as Europe/Berlin",
    standard: "UTC",
  },
  { key: "exec", kind: "files", argument: "FILE", group: "System", help: "script to run in the new system, as root" },
  {
    key: "copy",
    kind: "files",
    argument: "FILE",
    group: "System",
    help: "list of files: SOURCE DEST [MODE [OWNER]] lines",
  },
  {
    key: "firstboot",
    kind: "files",
    argument: "FILE",
    group: "System",
    help: "script for the first boot, before any login",
  },
  {
    key: "firstlogin",
    kind: "files",
    argument: "FILE",
    group: "System",
    help: "interactive script for the first login",
  },
  { key: "seedfile", kind: "text", argument: "FILE", group: "System", help: "answers for debconf" },
  { key: "mem", letter: "m", kind: "text", argument: "MB", group: "System", help: "memory in MB", standard: "1024" },
  { key: "cpus", kind: "text", argument: "NUMBER", group: "System", help: "processors", standard: "1" },
  { key: "user", kind: "text", argument: "LOGIN", group: "Users", help: "create this user, who may use sudo" },
  { key: "name", kind: "text", argument: "TEXT", group: "Users", help: "the user's full name" },
  {
    key: "pass",
    kind: "text",
    argument: "TEXT",
    group: "Users",
    helpIn: "pass-file",
    help: "the user's password; other users can see it in ps",
  },
  {
    key: "pass-file",
    kind: "text",
    argument: "FILE",
    group: "Users",
    help: "user's password: FILE's first line; or --pass TEXT",
  },
  {
    key: "rootpass",
    kind: "text",
    argument: "TEXT",
    group: "Users",
    helpIn: "rootpass-file",
    help: "root's password; other users can see it in ps",
  },
  {
    key: "rootpass-file",
    kind: "text",
    argument: "FILE",
    group: "Users",
    help: "root's password: likewise; or --rootpass TEXT",
  },
  { key: "ssh-key", kind: "files", argument: "FILE", group: "Users", help: "public keys that may log in as root" },
  {
    key: "ssh-user-key",
    kind: "files",
    argument: "FILE",
    group: "Users",
    help: "public keys that may log in as the user",
  },
  { key: "uid", kind: "text", argument: "NUMBER", group: "Users", help: "the user's number", standard: "1000" },
  {
    key: "gid",
    kind: "text",
    argument: "NUMBER",
    group: "Users",
    help: "number of the user's group",
    standard: "the uid",
  },
  { key: "groups", kind: "list", argument: "NAME,...", group: "Users", help: "more groups of the user" },
  { key: "lock-user", kind: "switch", group: "Users", help: "nobody can log in as the user" },
  {
    key: "allow-no-login",
    kind: "switch",
    group: "Users",
    help: "build a machine that nobody can log in to",
  },
  { key: "hostname", kind: "text", argument: "NAME", group: "Network", help: "name of the machine", standard: "vm" },
  { key: "domain", kind: "text", argument: "NAME", group: "Network", help: "domain of the machine" },
  {
    key: "ip",
    kind: "text",
    argument: "ADDRESS",
    group: "Network",
    help: "fixed address, such as 192.0.2.10/24",
    standard: "dhcp",
  },
  {
    key: "mask",
    kind: "text",
    argument: "ADDRESS",
    group: "Network",
    help: "mask; to check it also --net, --bcast",
    standard: "by class",
  },
  { key: "gw", kind: "text", argument: "ADDRESS", group: "Network", help: "gateway", standard: "first of the network" },
  {
    key: "dns",
    kind: "list",
    argument: "ADDRESS,...",
    group: "Network",
    help: "name servers",
    standard: "the gateway",
  },
  {
    key: "net",
    kind: "text",
    argument: "ADDRESS",
    group: "Network",
    helpIn: "mask",
    help: "network address, to be checked",
  },
  {
    key: "bcast",
    kind: "text",
    argument: "ADDRESS",
    group: "Network",
    helpIn: "mask",
    help: "broadcast address, to be checked",
  },
  { key: "mac", kind: "text", argument: "ADDRESS", group: "Network", help: "hardware address of the network card" },
  {
    key: "mirror",
    kind: "text",
    argument: "URL",
    group: "Sources",
    help: "package mirror: URL or path",
    standard: "the host's",
  },
  { key: "security-mirror", kind: "text", argument: "URL", group: "Sources", help: "mirror of the security updates" },
  {
    key: "install-mirror",
    kind: "text",
    argument: "URL",
    group: "Sources",
    help: "mirror for the build alone; or --install-security-mirror",
  },
  {
    key: "install-security-mirror",
    kind: "text",
    argument: "URL",
    group: "Sources",
    helpIn: "install-mirror",
    help: "mirror of the security updates for the build alone",
  },
  {
    key: "components",
    kind: "list",
    argument: "NAME,...",
    group: "Sources",
    help: "parts of the mirror",
    standard: "main",
  },
  { key: "keyring", kind: "text", argument: "FILE", group: "Sources", help: "keys that must have signed the mirror" },
  {
    key: "proxy",
    kind: "text",
    argument: "URL",
    group: "Sources",
    help: "proxy for downloads",
    standard: "from http_proxy",
  },
  {
    key: "dest",
    letter: "d",
    kind: "text",
    argument: "DIR",
    group: "Output",
    help: "result",
    standard: "HOSTNAME-SUITE-ARCH-vm",
  },
  { key: "overwrite", letter: "o", kind: "switch", group: "Output", help: "replace DIR if vmbuilder made it" },
  { key: "cache-dir", kind: "text", argument: "DIR", group: "Output", help: "cache", standard: "~/.cache/vmbuilder" },
  { key: "json", kind: "switch", group: "Output", help: "events and result as lines of JSON" },
  { key: "quiet", letter: "q", kind: "switch", group: "Output", help: "only warnings and errors" },
  { key: "verbose", letter: "v", kind: "switch", group: "Output", help: "also what the programs say" },
] as const satisfies readonly BuildOption[];

/** An option of {@link buildOptions}. */
export type Row = (typeof buildOptions)[number];

/** Key of an option of {@link buildOptions}, which is also its key in a recipe. */
export type BuildOptionKey = Row["key"];
