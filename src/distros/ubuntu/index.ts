/**
 * Ubuntu, from 20.04 on: suites by distro-info-data, packages by apt, network by netplan.
 * Tools on the host: apt, dpkg, gpgv; packages: distro-info-data, debootstrap (it names the mirrors), ubuntu-keyring.
 * Example: `vmbuilder build --distro ubuntu --suite noble --hostname web --ssh-key ~/.ssh/id_ed25519.pub`
 */
import { familyDistro } from "../debian-family/family-distro.ts";
import { localeScripts } from "../debian-family/locale.ts";
import { UBUNTU_KEYRING } from "./archive-names.ts";
import { NETWORK_SETTINGS, networkEdits } from "./network.ts";
import { requestPackages } from "./request.ts";
import { findSuite, readSuites, SUITES_FILE, upgradeWay } from "./suites.ts";

const today = () => new Date().toISOString().slice(0, 10);

/** The first whose GRUB is later than upstream's change of June 2021, "Ignore checksum seed incompat feature". */
const CHECKSUM_SEEDS_VERSION = 23.1;

export const ubuntu = familyDistro({
  name: "ubuntu",
  title: "Ubuntu",
  menu: { title: "Ubuntu", classes: ["ubuntu", "gnu-linux", "gnu", "os"] },
  keyring: UBUNTU_KEYRING,
  hostFiles: [
    { path: SUITES_FILE, debianPackage: "distro-info-data" },
    { path: UBUNTU_KEYRING, debianPackage: "ubuntu-keyring", unless: "keyring" },
  ],
  treeVersion: 5,
  // the modules are a package of their own, which the kernel depends on
  kernelPackages: /^linux-(image|modules)(-[a-z]+)*-\d/,
  settings: [
    ...NETWORK_SETTINGS,
    {
      kind: "file",
      path: "/etc/default/grub.d/51-vmbuilder-ubuntu.cfg",
      content:
        "# Written by vmbuilder: after a boot that failed, too, nobody sits at the menu\nGRUB_RECORDFAIL_TIMEOUT=0\n",
      mode: 0o644,
    },
  ],
  async resolveSuite(suite) {
    return findSuite(await readSuites(), suite ?? "lts", today()).codename;
  },
  listSuites: async () => (await readSuites()).map(({ codename }) => codename),
  findUpgradeWay: async (from, to) => upgradeWay(await readSuites(), from, to),
  async readsChecksumSeeds(suite) {
    return findSuite(await readSuites(), suite, today()).version >= CHECKSUM_SEEDS_VERSION;
  },
  async systemIds(suite) {
    const { version } = findSuite(await readSuites(), suite, today());
    return {
      libosinfo: `http://ubuntu.com/ubuntu/${version.toFixed(2)}`,
      vmware: "ubuntu-64",
      virtualbox: "Ubuntu_64",
      cim: 94, // "Ubuntu 64-Bit"
    };
  },
  requestPackages: async (recipe, _suite, architecture) => requestPackages(recipe, architecture),
  settingScripts: ({ lang }) => localeScripts(lang),
  loadFindSources: async () => (await import("./mirrors.ts")).resolveSources,
  networkEdits,
  cloudRenderer: "netplan",
});
