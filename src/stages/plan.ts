import { resolve } from "node:path";
import type { Distro } from "../core/distro.ts";
import type { Format } from "../core/format.ts";
import type { Hypervisor } from "../core/hypervisor.ts";
import { DISTROS } from "../distros/index.ts";
import { FORMATS } from "../formats/index.ts";
import { HYPERVISORS } from "../hypervisors/index.ts";
import type { Architecture } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";
import { type NetworkPlan, planNetwork, usesDhcpAlone } from "../model/network.ts";
import { type Extras, isDebPath, type Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { chooseSettings, type SettingName, type SystemSettings } from "../model/system-settings.ts";
import { hostArchitecture } from "../system/foreign-programs.ts";
import { readHostSettings, readZoneNames } from "../system/host-settings.ts";
import { readScripts, readSeeds } from "./machine-files.ts";
import { layOutDisks } from "./plan-disks.ts";

/** Names that Debian's base-passwd and packages give to users and groups of their own. @see /usr/share/doc/base-passwd */
const RESERVED_NAMES = new Set(
  "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users nogroup input kvm render sgx crontab messagebus sshd _apt systemd-network systemd-journal systemd-resolve systemd-timesync".split(
    " ",
  ),
);

/** Finds the distribution that a recipe names. @throws recipe-invalid */
export function findDistro(name: string): Distro {
  return findPlugin("distribution", name, DISTROS);
}

/** Finds the hypervisor that a recipe names. @throws recipe-invalid */
export function findHypervisor(name: string): Hypervisor {
  return findPlugin("hypervisor", name, HYPERVISORS);
}

/** Finds the disk format that a recipe names. @throws recipe-invalid */
export function findFormat(name: string): Format {
  return findPlugin("format", name, FORMATS);
}

/**
 * Decides everything about a build that can be decided without touching anything.
 *
 * @throws recipe-invalid, suite-unknown, storage-impossible, login-impossible
 */
export async function planBuild(asked: Recipe): Promise<Plan> {
  const settings = await planSettings(asked);
  const recipe = { ...withLibvirt(asked), ...valuesOf(settings) };
  const distro = findDistro(recipe.distro);
  const architecture = recipe.arch ?? hostArchitecture();
  checkDeployment(recipe, architecture);
  checkUser(recipe);
  const suite = await distro.resolveSuite(recipe.suite);
  const disks = await layOutDisks(recipe, architecture);
  const extras = namesExtras(recipe) ? await distro.readExtras(recipe, architecture) : undefined;
  const packages = await distro.requestPackages(withPackageNames(recipe, extras), suite, architecture, disks);
  const destination = resolve(recipe.dest ?? `${recipe.hostname}-${suite}-${architecture}-vm`);
  const network = planNetwork(recipe);
  const hasOldLoader = !(await distro.readsChecksumSeeds(suite));
  refuseTwoNetworks(recipe, network);
  if (recipe["exec-network"] && recipe.exec.length === 0)
    throw new VmbuilderError("recipe-invalid", "exec-network is given, but no exec", { hint: "add --exec FILE" });
  const changes = {
    debconf: recipe.seedfile === undefined ? "" : await readSeeds(recipe.seedfile),
    settings: distro.settingScripts(recipe),
    scripts: await readScripts("exec", recipe.exec),
  };
  const plan = { recipe, suite, architecture, packages, changes, settings, ...disks, network, destination };
  return { ...plan, ...(extras ? { extras } : {}), ...(hasOldLoader ? { hasOldLoader } : {}) };
}

/** A machine that is to be defined in libvirt has to be described for it. */
function withLibvirt(recipe: Recipe): Recipe {
  if (recipe.libvirt === undefined || recipe.hypervisor.includes("libvirt")) return recipe;
  return { ...recipe, hypervisor: [...recipe.hypervisor, "libvirt"] };
}

function namesExtras(recipe: Recipe): boolean {
  return (
    recipe.repositories.length > 0 ||
    recipe.ppa.length > 0 ||
    recipe.debs.length > 0 ||
    recipe.iso !== undefined ||
    recipe.addpkg.some(isDebPath)
  );
}

/** The packages that are added by the paths of their files, by their names. */
function withPackageNames(recipe: Recipe, extras: Extras | undefined): Recipe {
  const names = new Map(extras?.debs.map(({ path, name }) => [path, name]));
  return { ...recipe, addpkg: recipe.addpkg.map((text) => (isDebPath(text) && names.get(resolve(text))) || text) };
}

/** A locale of the host's is left out where what makes locales shall not be installed. */
async function planSettings(recipe: Recipe): Promise<SystemSettings> {
  const [{ lang, ...host }, zones] = await Promise.all([
    readHostSettings(),
    recipe.timezone === undefined ? new Set<string>() : readZoneNames(),
  ]);
  if (recipe.timezone !== undefined && zones.size > 0 && !zones.has(recipe.timezone)) {
    const near = nearestName(recipe.timezone, [...zones]);
    throw new VmbuilderError("recipe-invalid", `there is no time zone "${recipe.timezone}"`, {
      hint: near ? `did you mean ${near}?` : "give one such as Europe/Berlin; timedatectl list-timezones has all",
    });
  }
  return chooseSettings(recipe, lang && !recipe.removepkg.includes("locales") ? { ...host, lang } : host);
}

/** cloud-init writes the network that it is given; ours would be another one. */
function refuseTwoNetworks(recipe: Recipe, network: NetworkPlan): void {
  const path = recipe["cloud-init-network-config"];
  if (path === undefined || usesDhcpAlone({ ...network, domain: undefined })) return;
  throw new VmbuilderError("recipe-invalid", `${path} describes the network, and so does the recipe`, {
    hint: "leave out --cloud-init-network-config, or the recipe's addresses, name servers and interfaces",
  });
}

function valuesOf({ lang, timezone, keymap }: SystemSettings): Record<SettingName, string> {
  return { lang: lang.value, timezone: timezone.value, keymap: keymap.value };
}

function checkDeployment(recipe: Recipe, architecture: Architecture): void {
  recipe.format.forEach(findFormat);
  if (recipe.hypervisor.length === 0 && recipe.format.length === 0)
    throw new VmbuilderError(
      "recipe-invalid",
      "neither a hypervisor nor a format is given, so there is no disk to make",
      {
        hint: "give --hypervisor or --format",
      },
    );
  if (architecture !== "amd64" && recipe.firmware === "bios") {
    throw new VmbuilderError("recipe-invalid", `firmware is bios, but ${architecture} machines start by UEFI alone`, {
      hint: "leave out --firmware, or build for --arch amd64",
    });
  }
  for (const { title, architectures } of recipe.hypervisor.map(findHypervisor)) {
    if (architectures.includes(architecture)) continue;
    throw new VmbuilderError("recipe-invalid", `${title} runs no ${architecture} machines`, {
      hint: "choose another --hypervisor or --arch",
    });
  }
}

function findPlugin<T extends { name: string }>(kind: string, name: string, plugins: readonly T[]): T {
  const found = plugins.find((plugin) => plugin.name === name);
  if (found) return found;
  const names = plugins.map((plugin) => plugin.name);
  throw new VmbuilderError("recipe-invalid", `there is no ${kind} "${name}"`, {
    hint: `choose one of: ${names.join(", ")}${nearestName(name, names) ? ` (did you mean ${nearestName(name, names)}?)` : ""}`,
  });
}

function checkUser(recipe: Recipe): void {
  if (recipe.user !== undefined && RESERVED_NAMES.has(recipe.user)) {
    throw new VmbuilderError("recipe-invalid", `user "${recipe.user}" is a name that the system uses itself`, {
      hint: "choose another --user",
    });
  }
  if (recipe.user === undefined) {
    const orphan = (["name", "pass", "ssh-user-key", "uid", "gid", "groups", "lock-user"] as const).find((key) =>
      isGiven(recipe[key]),
    );
    if (orphan)
      throw new VmbuilderError("recipe-invalid", `${orphan} is given, but no user`, { hint: "add --user NAME" });
  }
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}
