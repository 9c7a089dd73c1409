import type { Distro } from "../../core/distro.ts";
import { withCloudInitPackage } from "./cloud-init.ts";
import { identifyMachine } from "./identity.ts";
import { withKeymapPackages } from "./keymap.ts";
import type { FamilyMember } from "./member.ts";
import { withStoragePackages } from "./mounts.ts";

/**
 * Makes a distribution of what tells it from others of Debian's family.
 * What only a build needs is loaded when it is wanted, so that a clone, which takes a quarter of a second, doesn't wait for it.
 */
export function familyDistro(member: FamilyMember): Distro {
  const { name, title, hostFiles, treeVersion, requestPackages, settingScripts } = member;
  const { resolveSuite, listSuites, readsChecksumSeeds, systemIds, findUpgradeWay } = member;
  return {
    ...{ name, title, hostFiles, treeVersion, resolveSuite, listSuites, readsChecksumSeeds, systemIds, settingScripts },
    findUpgradeWay,
    async requestPackages(recipe, suite, architecture, disks) {
      const request = await requestPackages(recipe, suite, architecture, disks);
      return withStoragePackages(withCloudInitPackage(withKeymapPackages(request, recipe.keymap), recipe), disks);
    },
    async readExtras(recipe, architecture) {
      const { readExtras } = await import("../packagers/apt/extras.ts");
      return readExtras(recipe, architecture);
    },
    async findArchive(plan, signal) {
      const [{ locateArchive }, findSources] = await Promise.all([
        import("../packagers/apt/locate-archive.ts"),
        member.loadFindSources(),
      ]);
      return locateArchive(plan, findSources, signal);
    },
    async resolve(plan, context, onSolving) {
      const [{ resolvePackages }, findSources] = await Promise.all([
        import("../packagers/apt/resolve.ts"),
        member.loadFindSources(),
      ]);
      return resolvePackages(plan, findSources, context, onSolving);
    },
    async install({ tree, lock, plan }, present, context) {
      const [{ installPackages }, { DEBCONF, loaderSettings, mergedUsr, SETTINGS }] = await Promise.all([
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
          isKernel: (ref) => member.kernelPackages.test(ref.name),
          skeleton: mergedUsr(plan.architecture),
          settings: [...SETTINGS, loaderSettings(plan.architecture), ...member.settings],
          debconf: DEBCONF + plan.changes.debconf,
          proxy: plan.recipe.proxy,
        },
        context,
      );
    },
    async finish(request, bootDirectory, context) {
      const { finishTree } = await import("./finish.ts");
      return finishTree(member, request, bootDirectory, context);
    },
    async makeBootFiles(tree, architecture, place, bootDirectory, signal) {
      const { makeBootFiles } = await import("./finish.ts");
      await makeBootFiles(tree, architecture, place, bootDirectory, signal);
    },
    identify: (identity, facts, disk, moreDisks) => identifyMachine(member, identity, facts, disk, moreDisks),
  };
}
