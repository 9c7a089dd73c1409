import { rm } from "node:fs/promises";
import { join } from "node:path";
import { findObject } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import { sharesBase } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { identifyDisks, plansOf } from "../stages/base-disk.ts";
import { treeOf } from "../stages/install.ts";
import { findDistro } from "../stages/plan.ts";
import type { MachineRecord } from "../stages/record.ts";
import { convertImage } from "../system/disk-image.ts";
import type { MachineBase } from "./link.ts";

/**
 * Finds what a machine was made from whose disks no other can share: the system in the cache. A clone of it has whole disks.
 * Nothing, when they can be shared.
 *
 * @throws base-missing; machine-invalid when it is encrypted
 */
export async function findOwnBase(
  record: MachineRecord,
  source: string,
  context: BuildContext,
): Promise<(MachineBase & { readonly key: string }) | undefined> {
  const { recipe, plan, base } = record.build;
  const { disk, moreDisks } = record.raw.plan as Partial<Pick<Plan, "disk" | "moreDisks">>;
  if (!disk || sharesBase([disk, ...(moreDisks ?? [])])) return undefined;
  if (recipe["luks-pass"] !== undefined)
    throw new VmbuilderError("machine-invalid", `${source} is encrypted, and its passphrase isn't kept`, {
      hint: "build a second machine with --hostname and --luks-pass-file",
    });
  const object = await findObject(context.cache, "tree", base.key);
  if (!object)
    throw new VmbuilderError("base-missing", `the system of ${source} is not in the cache ${context.cache.directory}`, {
      hint: "build the machine again with the same --cache-dir, then clone it",
    });
  const distro = findDistro(recipe.distro);
  const tree = treeOf(object);
  const facts = { tree: tree.facts, disk, moreDisks: moreDisks ?? [], distro: distro.name };
  return {
    key: base.key,
    facts,
    async make(identity, images) {
      const { makeOwnDisks } = await import("../stages/own-disk.ts"); // rarely wanted
      const layout = { disk, moreDisks: moreDisks ?? [], architecture: plan.architecture, recipe: {} };
      const made = await makeOwnDisks(distro, layout, tree, identity, context);
      const overlays = plansOf(facts).map((_, index) => join(context.workDirectory, `machine${index}.qcow2`));
      await identifyDisks(distro, made, identity, overlays, Math.floor(Date.now() / 1000), context);
      for (const [index, overlay] of overlays.entries())
        await convertImage(overlay, "qcow2", images[index] ?? "", "qcow2", [], context.signal);
      await Promise.all(made.disks.map(({ path }) => rm(path)));
    },
  };
}
