import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import type { Plan } from "../model/plan.ts";
import { packTree } from "../system/tree-archive.ts";
import { describeArtifact } from "./artifact.ts";
import { type BuildOptions, type BuildResult, openPlace } from "./build.ts";
import { checkHost } from "./check-host.ts";
import { formatManifest, withoutSecrets } from "./deploy.ts";
import { BUILD_RECORD, checkDestination, publishFolder } from "./destination.ts";
import { prepareHeadStart } from "./head-start.ts";
import { readIdentity } from "./identity.ts";
import { keepTree, obtainTree, treeFolder } from "./install.ts";
import { closeTree } from "./kept-tree.ts";
import { findDistro } from "./plan.ts";
import { RECORD_VERSION } from "./record.ts";
import { writeSboms } from "./sbom.ts";
import { applyEdits } from "./tree-edits.ts";

/** Files that speak of a disk, which a system without one hasn't got. */
const OF_THE_DISK = /^(\/etc\/fstab|\/boot\/grub\/.*)$/;

/**
 * Builds the system of a machine without its disk, as `HOSTNAME.tar.zst`: owners by number as the machine would have them,
 * so that root can unpack it anywhere, and an ordinary user in a namespace of his own.
 *
 * @throws what building a machine throws
 */
export async function buildTree(plan: Plan, options: BuildOptions): Promise<BuildResult> {
  const startedAt = performance.now();
  await checkDestination(plan.destination, options.overwrite);
  const identity = await readIdentity(plan.recipe, plan, options.signal);
  await runStep(options, "check", "Check the host", () => checkHost(plan));
  const distro = findDistro(plan.recipe.distro);
  const cache = await openCache(options.cacheDirectory);
  const place = options.tmp === undefined ? undefined : await openPlace(options.tmp);
  const build = async (context: BuildContext): Promise<BuildResult> => {
    const headStart = prepareHeadStart(plan, context);
    try {
      const lock =
        options.lock ??
        (await runStep(context, "resolve", "Resolve packages", () => distro.resolve(plan, context, headStart.begin)));
      const made = await obtainTree(distro, plan, lock, headStart, context);
      const tree = made.object ? made : await keepTree(made, context);
      const directory = await treeFolder(tree, context);
      const edits = distro.identify(identity, tree.facts, plan.disk).filter(({ path }) => !OF_THE_DISK.test(path));
      const artifacts = await publishFolder(plan.destination, options.overwrite, (result) =>
        runStep(context, "deploy", "Pack the system", async () => {
          await applyEdits(directory, edits, Math.floor(Date.now() / 1000), context);
          const archive = `${plan.recipe.hostname}.tar.zst`;
          await packTree(directory, join(result, archive), context);
          await chmod(join(result, archive), 0o600); // hashes of passwords are in it
          await writeFile(join(result, "manifest"), formatManifest(lock));
          const sboms = plan.recipe.sbom.length > 0 ? await writeSboms(plan, lock, result, context) : [];
          const files = await Promise.all(
            [archive, "manifest", ...sboms].map((name) => describeArtifact(result, name)),
          );
          const { suite, architecture, packages } = plan;
          const recipe = withoutSecrets(plan.recipe);
          const record = {
            vmbuilder: RECORD_VERSION,
            recipe,
            plan: { suite, architecture, packages },
            artifacts: files,
          };
          await writeFile(join(result, BUILD_RECORD), `${JSON.stringify(record, null, 1)}\n`);
          return files;
        }),
      );
      await runStep(context, "install/release", "Remove the system's work copy", () => closeTree(directory));
      const seconds = (performance.now() - startedAt) / 1000;
      return { directory: plan.destination, artifacts, plan, packages: lock.packages.length, seconds, cached: [] };
    } finally {
      await headStart.discard();
    }
  };
  return withContext(cache, options.signal, options.emit, build, place);
}
