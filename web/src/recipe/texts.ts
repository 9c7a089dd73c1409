/**
 * Words for the keys of a recipe. The schema's own descriptions are the command line's help; here stands what people
 * read who don't use that. A key that is missing here is shown with its own name and the schema's description.
 */
interface FieldWords {
  readonly label: string;
  readonly help?: string;
  readonly placeholder?: string;
}

const WORDS: Record<string, FieldWords> = {
  hostname: {
    label: "Name of the machine",
    placeholder: "vm",
    help: "Letters, digits and hyphens. The machine calls itself so in the network.",
  },
  distro: { label: "Distribution" },
  suite: { label: "Release" },
  arch: { label: "Architecture" },
  rootsize: { label: "Disk size", placeholder: "4G", help: "Space for the system and your data. It can grow later." },
  swapsize: { label: "Swap", placeholder: "1G", help: "0 for none." },
  optsize: { label: "Separate /opt", placeholder: "0", help: "A file system of its own for /opt." },
  mem: { label: "Memory in MB", placeholder: "1024" },
  cpus: { label: "Processors", placeholder: "1" },
  user: { label: "User name", placeholder: "ada", help: "This user may do everything with sudo." },
  name: { label: "Full name", placeholder: "Ada Lovelace" },
  pass: { label: "Password", help: "Only its hash is put into the machine." },
  rootpass: { label: "Password of root" },
  "ssh-user-key": { label: "SSH public keys", help: "Whoever holds a matching private key can log in as the user." },
  "ssh-key": { label: "SSH public keys of root", help: "Whoever holds a matching private key can log in as root." },
  addpkg: {
    label: "Packages",
    placeholder: "nginx, git, postgresql …",
    help: "Added to the system; what they need comes with them.",
  },
  removepkg: { label: "Packages to leave out" },
  tasks: { label: "Tasks", placeholder: "web-server" },
  hypervisor: { label: "Where it will run" },
  format: { label: "Further disk formats" },
  variant: { label: "Size of the system", help: "standard: as a Debian installation. minbase: the least that works." },
  firmware: { label: "Firmware" },
  "kernel-flavour": { label: "Kernel", placeholder: "cloud-amd64" },
  label: { label: "Partition table" },
  lvm: { label: "LVM volumes", help: "Root, swap and /opt as volumes that can grow." },
  part: { label: "Partition file" },
  disks: { label: "Disks, partition by partition", help: "In place of the sizes above. The first is booted." },
  mirror: { label: "Package mirror" },
  "security-mirror": { label: "Mirror of security updates" },
  "install-mirror": { label: "Mirror for the build alone" },
  "install-security-mirror": { label: "Mirror of security updates for the build alone" },
  components: { label: "Components", placeholder: "main" },
  repositories: { label: "Further repositories" },
  ppa: { label: "PPAs", placeholder: "owner/name" },
  keyring: { label: "Keyring", help: "Public keys that must have signed the mirror." },
  proxy: { label: "Proxy" },
  debs: { label: "Package files (.deb)" },
  uid: { label: "Number of the user", placeholder: "1000" },
  gid: { label: "Number of the user's group" },
  groups: { label: "Further groups of the user", placeholder: "docker, video" },
  "lock-user": { label: "Nobody can log in as the user" },
  "identity-seed": {
    label: "Seed of the identity",
    help: "Ids and salts are derived from it, for builds that are alike bit for bit.",
  },
  ip: { label: "IPv4 address", placeholder: "dhcp", help: "dhcp, or fixed, such as 192.0.2.10/24." },
  mask: { label: "Network mask" },
  gw: { label: "Gateway" },
  ip6: { label: "IPv6 address", placeholder: "auto" },
  gw6: { label: "IPv6 gateway" },
  dns: { label: "Name servers" },
  mac: { label: "MAC address" },
  bridge: { label: "Bridge of the host" },
  network: { label: "Network of libvirt" },
  net: { label: "Network address" },
  bcast: { label: "Broadcast address" },
  domain: { label: "Domain" },
  interfaces: { label: "Network cards", help: "The fields above describe the first." },
  lang: { label: "Language", placeholder: "en_GB.UTF-8" },
  timezone: { label: "Time zone", placeholder: "Europe/Berlin" },
  keymap: { label: "Keyboard", placeholder: "us" },
  exec: { label: "Scripts while building", help: "Run as root in the new system, before it ever boots." },
  "exec-network": { label: "These scripts may use the network" },
  firstboot: { label: "Scripts of the first boot" },
  firstlogin: { label: "Scripts of the first login" },
  copy: { label: "Lists of files to copy", help: "Lines of SOURCE DESTINATION [MODE [OWNER]]." },
  seedfile: { label: "Answers for debconf" },
  "cloud-init": { label: "cloud-init user data" },
  "cloud-init-meta-data": { label: "cloud-init meta data" },
  "cloud-init-network-config": { label: "cloud-init network configuration" },
  snapshot: { label: "Mirrors that keep old packages" },
  "ppa-archive": { label: "Address of the PPAs" },
  "ppa-api": { label: "Address that tells of their keys" },
  vars: { label: "Variables" },
};

/** The words for a key, of the recipe or of one of its parts. */
export function wordsFor(key: string, description?: string): FieldWords {
  const known = WORDS[key];
  if (known) return known;
  const label = key.replaceAll("-", " ").replace(/^./, (letter) => letter.toUpperCase());
  return description ? { label, help: `${description.replace(/^./, (letter) => letter.toUpperCase())}.` } : { label };
}

/** Keys that name files of the server on a command line; here the files come with the recipe. */
export const FILE_KEYS: ReadonlySet<string> = new Set(
  "ssh-key ssh-user-key copy exec firstboot firstlogin debs part keyring seedfile cloud-init cloud-init-meta-data cloud-init-network-config".split(
    " ",
  ),
);

/** The keys that the simple form asks for. */
export const SIMPLE_KEYS: ReadonlySet<string> = new Set(
  "distro suite hostname rootsize mem cpus user name pass ssh-user-key addpkg hypervisor format".split(" "),
);

/** Where the other keys stand; what is named nowhere comes last. */
export const SECTIONS: readonly { readonly title: string; readonly keys: readonly string[] }[] = [
  { title: "System", keys: "arch variant kernel-flavour firmware tasks removepkg lang timezone keymap".split(" ") },
  { title: "Disk", keys: "swapsize optsize lvm label format part disks".split(" ") },
  { title: "Users", keys: "rootpass ssh-key uid gid groups lock-user identity-seed".split(" ") },
  {
    title: "Network",
    keys: "ip mask gw dns ip6 gw6 domain mac bridge network net bcast interfaces".split(" "),
  },
  { title: "Scripts and files", keys: "exec exec-network firstboot firstlogin copy seedfile".split(" ") },
  { title: "cloud-init", keys: "cloud-init cloud-init-meta-data cloud-init-network-config".split(" ") },
  {
    title: "Package sources",
    keys: "mirror security-mirror install-mirror install-security-mirror components repositories ppa ppa-archive ppa-api debs keyring snapshot proxy".split(
      " ",
    ),
  },
];
