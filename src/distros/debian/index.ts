/**
 * Debian, from bullseye to sid: suites by distro-info-data, packages by apt, network by systemd-networkd.
 * Tools on the host: apt, dpkg, gpgv; packages: debian-archive-keyring, distro-info-data.
 * What only a build needs is loaded when it is wanted, so that a clone, which takes a quarter of a second, doesn't wait for it.
 * Example: `vmbuilder build --distro debian --suite trixie --hostname web --ssh-key ~/.ssh/id_ed25519.pub`
 */
import type { Distro } from "../../core/distro.ts";
import { identifyDebian } from "./identity.ts";
import { DEBIAN_KEYRING } from "./keyring.ts";
import { localeScripts } from "./locale.ts";
import { requestPackages } from "./request.ts";
import { findSuite, readSuites, SUITES_FILE } from "./suites.ts";

const today = () => new Date().toISOString().slice(0, 10);

export const debian: Distro = {
  name: "debian",
  title: "Debian",
  hostFiles: [
    { path: SUITES_FILE, debianPackage: "distro-info-data" },
    { path: DEBIAN_KEYRING, debianPackage: "debian-archive-keyring" },
  ],
  treeVersion: 5,
  async resolveSuite(suite) {
    return findSuite(await readSuites(), suite ?? "stable", today()).codename;
  },
  async requestPackages(recipe, suite, architecture) {
    return requestPackages(recipe, findSuite(await readSuites(), suite, today()), architecture);
  },
  settingScripts: ({ lang }) => localeScripts(lang),
  async resolve(plan, context, onSolving) {
    const [{ resolvePackages }, { resolveSources }] = await Promise.all([
      import("../packagers/apt/resolve.ts"),
      import("./mirrors.ts"),
    ]);
    return resolvePackages(plan, resolveSources, context, onSolving);
  },
  async install({ tree, lock, plan }, present, context) {
    const [{ installPackages }, { DEBCONF, MERGED_USR, SETTINGS }] = await Promise.all([
      import("../packagers/apt/install.ts"),
      import("./settings.ts"),
    ]);
    const known = new Set(present);
    const packages = lock.packages.filter((ref) => !known.has(`${ref.name}_${ref.version}_${ref.architecture}`));
    const isRequired = (ref: { essential: boolean; priority: string }) =>
      known.size === 0 && (ref.essential || ref.priority === "required");
    await installPackages(
      {
        tree,
        packages,
        isRequired,
        isKernel: ({ name }) => /^linux-image-\d/.test(name),
        skeleton: MERGED_USR,
        settings: SETTINGS,
        debconf: DEBCONF + plan.changes.debconf,
        proxy: plan.recipe.proxy,
      },
      context,
    );
  },
  async finish(request, bootDirectory, context) {
    const { finishTree } = await import("./finish.ts");
    return finishTree(request, bootDirectory, context);
  },
  identify: identifyDebian,
};
