/** A term of a list and what it means. */
interface ManEntry {
  readonly term: string;
  readonly text: string;
}

/** What vmbuilder does, a paragraph each. */
export const MAN_DESCRIPTION: readonly string[] = [
  "vmbuilder makes a virtual machine that boots under BIOS and UEFI, from packages of a distribution's mirror, as an ordinary user: nothing is mounted, and neither loop devices nor KVM are needed. The result is a folder with the disk, a script that starts the machine, and a record of what is in it.",
  "What a machine shall be is said by options, by a recipe, or by both. A recipe is a YAML file whose keys are the names of the options without their leading dashes; an option on the command line wins over the recipe, and a list replaces the recipe's list. Key and password files that a recipe names are relative to its folder; dest is relative to the current one. Everything is checked before anything is downloaded or written.",
  "What is slow depends on the set of packages alone and is cached; a second machine with the same packages and another host name, user or key takes seconds. No password is set unless one was given.",
  "The first form of the old tool, vmbuilder HYPERVISOR DISTRO, takes all options of build and its own old ones; ubuntu-vm-builder HYPERVISOR SUITE is the same for Ubuntu. An old option that has no sense any more is accepted and says what to use instead.",
  "Sizes are numbers with K, M, G or T; a bare number means MiB. Lists are split at commas and spaces, and their options may be repeated.",
];

/** Files that a build writes, and the cache. */
export const MAN_FILES: readonly ManEntry[] = [
  { term: "DIR/HOSTNAME.qcow2", text: "The machine's disk; further disks are HOSTNAME-2.qcow2 and so on." },
  { term: "DIR/run.sh", text: "Starts the machine; its arguments are passed on to qemu." },
  { term: "DIR/manifest", text: "Packages in the machine: name, version, architecture." },
  { term: "DIR/build.json", text: "Recipe, plan, packages and files with their hashes, and the seconds of each step." },
  { term: "~/.cache/vmbuilder", text: "The cache, which linked clones need too; vmbuilder cache shows and tidies it." },
  {
    term: "~/.config/vmbuilder/config.yaml, /etc/vmbuilder/config.yaml",
    text: "Recipes that hold where nothing else does: the user's, and beneath it the host's.",
  },
  { term: "~/.local/share/vmbuilder/profiles", text: "Profiles; they beat the configuration files." },
];

/** Environment variables that are read. */
export const MAN_ENVIRONMENT: readonly ManEntry[] = [
  { term: "XDG_CACHE_HOME", text: "Folder that holds the cache, in place of ~/.cache." },
  { term: "XDG_CONFIG_HOME, XDG_DATA_HOME", text: "Folders that hold the user's configuration and profiles." },
  {
    term: "VMBUILDER_USER_CONFIG, VMBUILDER_SYSTEM_CONFIG, VMBUILDER_PROFILE",
    text: "As --user-config, --system-config and --profile.",
  },
  { term: "http_proxy, https_proxy, no_proxy", text: "Proxies for downloads, where --proxy isn't given." },
  { term: "NO_COLOR", text: "When set and not empty, output has no colours." },
  { term: "FORCE_COLOR", text: "When set, output has colours even where it isn't a terminal; 0 means none." },
  { term: "LC_ALL, LC_CTYPE, LANG", text: "Whether progress is drawn in Unicode or in ASCII." },
];

/** Exit statuses. */
export const MAN_EXIT_STATUS: readonly ManEntry[] = [
  { term: "0", text: "Success." },
  { term: "1", text: "The command failed." },
  { term: "2", text: "Wrong input; nothing was touched." },
  { term: "130", text: "Interrupted by SIGINT, SIGTERM or SIGHUP; a second signal ends the program at once." },
];

/** Examples, each with a sentence before it. */
export const MAN_EXAMPLES: readonly { text: string; lines: readonly string[] }[] = [
  {
    text: "Build a machine with a user who logs in by ssh, and start it:",
    lines: [
      "vmbuilder build --suite trixie --hostname web1 --user ann \\",
      "  --ssh-user-key ann.pub --addpkg nginx",
      "web1-trixie-amd64-vm/run.sh",
    ],
  },
  {
    text: "The same as a recipe, web.yaml:",
    lines: ["suite: trixie", "user: ann", "ssh-user-key: ann.pub", "addpkg: [nginx]"],
  },
  {
    text: "Two machines from one recipe; the second takes seconds:",
    lines: ["vmbuilder build web.yaml --hostname web1", "vmbuilder build web.yaml --hostname web2"],
  },
  {
    text: "Build from a local mirror, for a script:",
    lines: ["vmbuilder build web.yaml --mirror http://mirror.example.org/debian --json"],
  },
];

/** Related pages. */
export const MAN_SEE_ALSO: readonly { page: string; chapter: number }[] = [
  { page: "debootstrap", chapter: 8 },
  { page: "mmdebstrap", chapter: 1 },
  { page: "qemu-img", chapter: 1 },
  { page: "qemu-system-x86_64", chapter: 1 },
  { page: "subuid", chapter: 5 },
  { page: "user_namespaces", chapter: 7 },
];
