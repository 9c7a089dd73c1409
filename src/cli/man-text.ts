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
  {
    term: "DIR/.identity.json",
    text: "What clones are made from. It holds hashes of passwords (mode 0600): don't publish it.",
  },
  {
    term: "RECIPE.lock",
    text: "Packages that build takes for RECIPE.yaml, by version and hash; vmbuilder lock writes it.",
  },
  { term: "~/.cache/vmbuilder", text: "The cache, which linked clones need too; vmbuilder cache shows and tidies it." },
  {
    term: "~/.config/vmbuilder/config.yaml, /etc/vmbuilder/config.yaml",
    text: "Recipes that hold where nothing else does: the user's, and beneath it the host's.",
  },
  { term: "~/.local/share/vmbuilder/profiles", text: "Profiles; they beat the configuration files." },
  { term: "~/.local/state/vmbuilder", text: "Machines that up made, and the ssh key that leads into them." },
  {
    term: "~/.local/share/vmbuilder/server",
    text: "Database, images and logs of serve, unless --data-dir names another.",
  },
];

/** Environment variables that are read. */
export const MAN_ENVIRONMENT: readonly ManEntry[] = [
  { term: "VMBUILDER_CACHE_DIR", text: "As --cache-dir, for every command." },
  { term: "VMBUILDER_STATE_DIR", text: "Folder of the machines that up made, in place of ~/.local/state/vmbuilder." },
  {
    term: "XDG_CACHE_HOME, XDG_STATE_HOME",
    text: "Folders that hold cache and machines, in place of ~/.cache and ~/.local/state.",
  },
  { term: "XDG_CONFIG_HOME, XDG_DATA_HOME", text: "Folders that hold the user's configuration and profiles." },
  {
    term: "VMBUILDER_USER_CONFIG, VMBUILDER_SYSTEM_CONFIG, VMBUILDER_PROFILE",
    text: "As --user-config, --system-config and --profile.",
  },
  { term: "VMBUILDER_TOKEN", text: "Token for --server, where --token-file isn't given." },
  { term: "VMBUILDER_UPLOAD_TOKEN", text: "Token that upload sends to an address of http or https." },
  {
    term: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL",
    text: "Who asks, and where, when upload sends to S3.",
  },
  { term: "http_proxy, https_proxy, no_proxy", text: "Proxies for downloads, where --proxy isn't given." },
  { term: "NO_COLOR", text: "When set and not empty, output has no colours." },
  { term: "FORCE_COLOR", text: "When set, output has colours even where it isn't a terminal; 0 means none." },
  { term: "LC_ALL, LC_CTYPE, LANG", text: "Whether progress is drawn in Unicode or in ASCII." },
];

/** Exit statuses. */
export const MAN_EXIT_STATUS: readonly ManEntry[] = [
  { term: "0", text: "Success; for test and upgrade-test: all tests passed; for diff: there is no difference." },
  { term: "1", text: "The command failed, a test did, or there is a difference." },
  { term: "2", text: "Wrong input; nothing was touched." },
  { term: "other", text: "Of exec and ssh: the command's own." },
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
    text: "Make a machine, run a command in it, remove it:",
    lines: ["vmbuilder up web.yaml", "vmbuilder exec web -- systemctl --failed", "vmbuilder rm --force web"],
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
