import * as z from "zod";
import { ARCHITECTURES } from "./architecture.ts";
import { disksSchema } from "./disk-schema.ts";
import { isGuestPath } from "./file-edit.ts";
import { guestTestSchema } from "./guest-test.ts";
import { localeMistake } from "./locale-name.ts";
import { repositorySchema } from "./repository.ts";
import { SBOM_FORMATS } from "./sbom.ts";
import { list, size } from "./schema-parts.ts";
import { LABELS, ROOT_FILE_SYSTEMS } from "./storage-request.ts";
import { KEYMAP } from "./system-settings.ts";

// These stand in the JSON Schema of recipes, too, where there are no flags.
const HOSTNAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]+$/;
const PACKAGE_OR_PATH = /^(?:[a-z0-9][a-z0-9+.-]+\^?|[^\0\n]+\.deb)$/;
const PPA = /^(?:ppa:)?[a-z0-9][a-z0-9.+-]*(?:\/[a-z0-9][a-z0-9.+-]*)?$/;
const WORD = /^[A-Za-z0-9][A-Za-z0-9.+_-]*$/;
/** No transport and no parameter by which a recipe could start a program here. */
const LIBVIRT_URI =
  /^[a-z][a-z0-9]*(?:\+(?:ssh|libssh2?|tcp|tls|unix))?:\/\/(?:(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?(?:[A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9a-f:]+\])(?::\d{1,5})?)?\/[a-z]+(?:\?(?:(?:keyfile|known_hosts|known_hosts_verify|sshauth|no_verify|pkipath|socket|mode)=[^\s&;]*(?:&|$))+)?$/;
const SSH_KEY = /^(?:[a-z0-9@=",. -]+ )?(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?$/;

const count = (min: number, max: number) =>
  z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d{1,15}$/, "is no whole number")
        .transform(Number),
    ])
    .pipe(z.int("is no whole number").min(min, `is less than ${min}`).max(max, `is more than ${max}`));
const words = (pattern: RegExp, what: string) => list(z.string().regex(pattern, `is no ${what}`));
const ipv4 = z.ipv4("is no IPv4 address");
const ipAddress = z.union([ipv4, z.ipv6()]);
const DOMAIN =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
/** Of a card of its own: not a group's address. */
const MAC = /^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$/;
/** What a kernel takes for an interface or bridge, and what no shell or qemu option reads otherwise. */
const LINK_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;
const GROUP_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
/** Ids below belong to the system, those above to nobody or to containers. */
const ordinaryId = count(1000, 60_000);

const secret = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => !/[\n\0]/.test(text), "must be one line");
const fullName = z
  .string()
  .max(128)
  .refine((text) => !/[:,\n\0]/.test(text), "must not hold a colon, comma or line end");
const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes("\0"), "is no path");

/** A path, or an address; what looks like another kind of address is refused. */
const mirror = path.refine(
  (text) => /^(https?:\/\/[^\s]+|file:\/[^\s]*)$/.test(text) || !/^[a-z][a-z0-9+.-]*:/i.test(text),
  "is no http:, https: or file: address, and no path",
);

/** Keys that describe the first interface at the recipe's top, and any interface in its list. */
const interfaceShape = {
  ip: z
    .union([z.enum(["dhcp", "none"]), ipv4, z.cidrv4(), z.ipv6(), z.cidrv6()], "is no address, nor dhcp or none")
    .optional(),
  mask: ipv4.optional(),
  gw: ipAddress.optional(),
  ip6: z.union([z.enum(["auto", "none"]), z.ipv6(), z.cidrv6()], "is no IPv6 address, nor auto or none").optional(),
  gw6: z.ipv6("is no IPv6 address").optional(),
  dns: list(ipAddress).default([]),
  mac: z.string().regex(MAC, "is no MAC address of a single card, such as 52:54:00:12:34:56").optional(),
  bridge: z.string().regex(LINK_NAME, "is no name of a bridge").optional(),
  network: z.string().regex(WORD, "is no name of a network").optional(),
};
const routeSchema = z.strictObject({ to: z.union([z.cidrv4(), z.cidrv6()], "is no network"), via: ipAddress });
const interfaceSchema = z.strictObject({
  name: z
    .string()
    .regex(LINK_NAME, "is no name of an interface: letters, digits, - and _, at most 15")
    .regex(/^(?!eth\d|lo$|all$|default$)/, "must not be a name that the kernel gives itself")
    .optional(),
  ...interfaceShape,
  routes: list(routeSchema).default([]),
});

/** One interface of a recipe. */
export type InterfaceRecipe = z.output<typeof interfaceSchema>;

/**
 * What a machine should be. Keys are the option names of the command line without their dashes; a recipe file holds the
 * same keys. Unknown keys are refused.
 */
export const recipeSchema = z.strictObject({
  distro: z.string().regex(WORD, "is no distribution name").default("debian"),
  suite: z.string().regex(WORD, "is no suite name").optional(),
  arch: z.enum(ARCHITECTURES).optional(),
  hypervisor: list(z.string().regex(WORD, "is no hypervisor name")).default(["kvm"]),
  format: list(z.string().regex(WORD, "is no format name")).default([]),
  libvirt: z
    .string()
    .regex(LIBVIRT_URI, "is no address of a libvirt, such as qemu:///system or qemu+ssh://user@host/system")
    .optional(),
  "libvirt-pool": z.string().regex(WORD, "is no name of a storage pool").optional(),
  firmware: z.enum(["bios", "uefi"]).optional(),
  hostname: z
    .string()
    .regex(HOSTNAME, "is no host name: letters, digits and inner hyphens, at most 63 a label")
    .default("vm"),
  variant: z.enum(["standard", "minbase"]).default("standard"),
  mirror: mirror.optional(),
  "security-mirror": mirror.optional(),
  "install-mirror": mirror.optional(),
  "install-security-mirror": mirror.optional(),
  snapshot: words(/^(https?|file):\/\S+$/, "http:, https: or file: address")
    .default([])
    .describe("mirrors that keep old packages, for builds from a lock"),
  components: words(WORD, "component name").default(["main"]),
  "mirror-expired": z.boolean().default(false).describe("take suites of the mirror that are past their date"),
  keyring: path.optional(),
  repositories: list(repositorySchema).default([]).describe("package repositories beside the archive"),
  ppa: words(PPA, "owner of a PPA, nor OWNER/NAME").default([]),
  "ppa-archive": z.url({ protocol: /^https?$/ }).optional(),
  "ppa-api": z.url({ protocol: /^https?$/ }).optional(),
  iso: path.optional(),
  "iso-unsigned": z.boolean().default(false),
  proxy: z.url().optional(),
  addpkg: words(PACKAGE_OR_PATH, "package name, nor a path of a .deb file").default([]),
  debs: list(path).default([]),
  tasks: words(PACKAGE_NAME, "task name").default([]),
  removepkg: words(PACKAGE_NAME, "package name").default([]),
  "kernel-flavour": z.string().regex(WORD, "is no kernel flavour").optional(),
  rootsize: size.default(4 * 1024 ** 3),
  swapsize: size.default(1024 ** 3),
  optsize: size.default(0),
  label: z.enum(LABELS).default("gpt"),
  fs: z.enum(ROOT_FILE_SYSTEMS).default("ext4"),
  lvm: z.boolean().default(false),
  "luks-pass": secret.optional().describe("passphrase of the encrypted containers; better in a file: luks-pass-file"),
  part: path.optional(),
  raw: list(path).default([]),
  disks: disksSchema.optional().describe("disks, partition by partition, instead of the sizes; the first is booted"),
  mem: count(64, 4 * 1024 * 1024).default(1024),
  cpus: count(1, 512).default(1),
  user: z
    .string()
    .regex(USER_NAME, "is no user name: a small letter, then small letters, digits, - and _, at most 32")
    .optional(),
  name: fullName.optional(),
  pass: secret.optional(),
  rootpass: secret.optional(),
  "ssh-key": list(path).default([]),
  "ssh-user-key": list(path).default([]),
  "identity-seed": secret.optional(),
  uid: ordinaryId.optional(),
  gid: ordinaryId.optional(),
  groups: words(GROUP_NAME, "group name").default([]),
  "lock-user": z.boolean().default(false),
  ...interfaceShape,
  net: ipv4.optional(),
  bcast: ipv4.optional(),
  domain: z.string().regex(DOMAIN, "is no domain name").optional(),
  interfaces: z
    .array(interfaceSchema)
    .max(8, "must be at most 8")
    .default([])
    .describe("network cards; the simple keys describe the first"),
  copy: list(path).default([]),
  exec: list(path).default([]),
  "exec-network": z.boolean().default(false),
  firstboot: list(path).default([]),
  firstlogin: list(path).default([]),
  seedfile: path.optional(),
  "cloud-init": path.optional(),
  "cloud-init-meta-data": path.optional(),
  "cloud-init-network-config": path.optional(),
  lang: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_.@-]*$/, "is no locale")
    .refine((locale) => localeMistake(locale) === undefined, { error: ({ input }) => localeMistake(String(input)) })
    .optional(),
  keymap: z.string().regex(KEYMAP, "is no keyboard, such as de or us:dvorak").optional(),
  timezone: z
    .string()
    .refine((zone) => isGuestPath(`/${zone}`), "is no time zone")
    .optional(),
  sbom: list(z.enum(SBOM_FORMATS)).default([]).describe("forms in which to list what is installed, for other programs"),
  dest: path.optional(),
  tests: z.array(guestTestSchema).max(1000).default([]).describe("what `vmbuilder test` looks for in the machine"),
});

/** A recipe whose defaults are filled in; sizes in bytes, memory in MiB. */
export type Recipe = z.output<typeof recipeSchema>;
/** A recipe as people write it. */
export type RecipeInput = z.input<typeof recipeSchema>;

/** Names of all recipe keys. */
export const RECIPE_KEYS: readonly string[] = Object.keys(recipeSchema.shape);

/** What holds when a recipe doesn't name a key. */
export function recipeDefault(key: string): unknown {
  return Object.hasOwn(recipeSchema.shape, key)
    ? recipeSchema.shape[key as keyof Recipe].safeParse(undefined).data
    : undefined;
}

/** Names of the keys whose values are lists: a recipe can add to those of another. */
export const LIST_KEYS: readonly string[] = RECIPE_KEYS.filter((key) => Array.isArray(recipeDefault(key)));

/** True when a line of an authorized_keys file is a public key. */
export function isSshKeyLine(line: string): boolean {
  return SSH_KEY.test(line);
}
