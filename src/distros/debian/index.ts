/**
 * Debian, from bullseye to sid: suites by distro-info-data, packages by apt, network by systemd-networkd.
 * Tools on the host: apt, dpkg, gpgv; packages: debian-archive-keyring, distro-info-data.
 * Example: `vmbuilder build --distro debian --suite trixie --hostname web --ssh-key ~/.ssh/id_ed25519.pub`
 */
import { familyDistro } from "../debian-family/family-distro.ts";
import { localeScripts } from "../debian-family/locale.ts";
import { NETWORK_SETTINGS, networkEdits } from "../debian-family/networkd.ts";
import { DEBIAN_KEYRING } from "./keyring.ts";
import { requestPackages } from "./request.ts";
import { findSuite, readSuites, SUITES_FILE } from "./suites.ts";
import { systemIds } from "./system-ids.ts";

const today = () => new Date().toISOString().slice(0, 10);

/** The first whose GRUB has upstream's change of June 2021, "Ignore checksum seed incompat feature". */
const CHECKSUM_SEEDS_VERSION = 12;

export const debian = familyDistro({
  name: "debian",
  title: "Debian",
  menu: { title: "Debian GNU/Linux", classes: ["debian", "gnu-linux"] },
  keyring: DEBIAN_KEYRING,
  hostFiles: [
    { path: SUITES_FILE, debianPackage: "distro-info-data" },
    { path: DEBIAN_KEYRING, debianPackage: "debian-archive-keyring", unless: "keyring" },
  ],
  treeVersion: 10,
  kernelPackages: /^linux-(image|binary|modules)-\d/, // from forky on, three packages
  settings: NETWORK_SETTINGS,
  async resolveSuite(suite) {
    return findSuite(await readSuites(), suite ?? "stable", today()).codename;
  },
  listSuites: async () => (await readSuites()).map(({ codename }) => codename),
  async findUpgradeWay(from, to) {
    const names = (await readSuites()).map(({ codename }) => codename);
    return { by: "full-upgrade", passedOver: names.slice(names.indexOf(from) + 1, names.indexOf(to)) };
  },
  async readsChecksumSeeds(suite) {
    return findSuite(await readSuites(), suite, today()).version >= CHECKSUM_SEEDS_VERSION;
  },
  async systemIds(suite) {
    return systemIds(findSuite(await readSuites(), suite, today()));
  },
  async requestPackages(recipe, suite, architecture) {
    return requestPackages(recipe, findSuite(await readSuites(), suite, today()), architecture);
  },
  settingScripts: ({ lang }) => localeScripts(lang),
  loadFindSources: async () => (await import("./mirrors.ts")).resolveSources,
  networkEdits,
  cloudRenderer: "networkd",
});
