import { resolve, sep } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import type { Plan } from "../model/plan.ts";
import { inspectRawTarget, type RawTarget } from "../system/raw-target.ts";
import { findHypervisor } from "./plan.ts";

/**
 * Looks at what the disks shall be written to, a target for each.
 *
 * @param mayDestroy what they hold may be lost
 * @throws raw-unusable, raw-holds-data, recipe-invalid
 */
export async function checkRawTargets(plan: Plan, mayDestroy: boolean): Promise<RawTarget[]> {
  const { recipe, disk, moreDisks = [], destination } = plan;
  const disks = [disk, ...moreDisks];
  if (recipe.raw.length !== disks.length)
    throw new VmbuilderError("recipe-invalid", `raw: ${recipe.raw.length} targets for ${disks.length} disks`, {
      hint: "give --raw once for each disk, in their order",
    });
  const other = recipe.hypervisor.map(findHypervisor).find(({ readsRaw }) => !readsRaw)?.title ?? recipe.format[0];
  if (other !== undefined)
    throw new VmbuilderError("recipe-invalid", `raw: the disk is not converted, as ${other} would need`, {
      hint: "use --hypervisor kvm without --format",
    });
  const targets: RawTarget[] = [];
  for (const [index, { sizeBytes }] of disks.entries()) {
    const target = await inspectRawTarget(recipe.raw[index] ?? "", sizeBytes);
    if (targets.some(({ path }) => path === target.path))
      throw new VmbuilderError("recipe-invalid", `raw: ${target.path} is given twice`, {
        hint: "give each disk its own",
      });
    if (target.path.startsWith(`${resolve(destination)}${sep}`))
      throw new VmbuilderError("raw-unusable", `raw: ${target.path} lies in the result folder, which is made anew`, {
        hint: "move it, or choose another --dest",
      });
    targets.push(target);
  }
  const full = targets.find(({ holdsData }) => holdsData);
  if (full && !mayDestroy)
    throw new VmbuilderError("raw-holds-data", `raw: all that ${full.path} holds would be lost`, {
      hint: "to write over it: --yes",
    });
  return targets;
}
