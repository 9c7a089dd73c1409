import { VmbuilderError } from "../model/errors.ts";
import { parsePartitionFile } from "../model/partition-file.ts";
import { bootPlace } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { type Recipe, recipeSchema } from "../model/recipe.ts";
import { MIB } from "../model/size.ts";
import { contentOf, type DiskPlan, planDisks, planStorage } from "../model/storage-plan.ts";
import { type DiskRequest, type Refuse, smallestBytes, volumesOf } from "../model/storage-request.ts";
import { readSmallFile } from "../system/files.ts";

const LARGEST_PARTITION_FILE_BYTES = 64 * 1024;
const BOOT_BYTES = 512 * MIB;
const SIZES = ["rootsize", "swapsize", "optsize"] as const;

/**
 * Lays out a machine's disks: by the sizes, with a volume group or without, by a partition file, or by the recipe's own list.
 *
 * @throws storage-impossible with the place, file-unreadable, recipe-invalid
 */
export async function layOutDisks(
  recipe: Recipe,
  architecture: "amd64" | "arm64",
): Promise<Pick<Plan, "disk" | "moreDisks">> {
  const { label, part, disks: list, lvm } = recipe;
  if (part === undefined && list === undefined && !lvm) {
    const { rootsize: rootSizeBytes, swapsize: swapSizeBytes, optsize: optSizeBytes } = recipe;
    return { disk: planStorage({ rootSizeBytes, swapSizeBytes, optSizeBytes, label, architecture }) };
  }
  if (part === undefined && list === undefined) {
    const refuseSizes: Refuse = (_path, message, hint) => {
      throw new VmbuilderError("storage-impossible", `lvm: ${message}`, hint === undefined ? {} : { hint });
    };
    const [disk] = planDisks([groupDisk(recipe)], label, architecture, refuseSizes);
    return disk ? { disk } : refuseSizes([], "there is no disk");
  }
  const [key, other] = part === undefined ? ["disks", undefined] : ["part", list && "disks"];
  const vain =
    other ??
    (lvm ? "lvm" : undefined) ??
    SIZES.find((name) => recipe[name] !== recipeSchema.shape[name].parse(undefined));
  if (vain !== undefined)
    throw new VmbuilderError("recipe-invalid", `${vain} is given, but the disks are laid out by ${key}`, {
      hint: `leave out ${vain}, or ${key}`,
    });
  const refuseInRecipe: Refuse = (path, message, hint) => {
    const place = ["disks", ...path].join(".");
    throw new VmbuilderError("storage-impossible", `${place}: ${message}`, hint === undefined ? {} : { hint });
  };
  const { disks, refuse } =
    part === undefined
      ? { disks: list ?? [], refuse: refuseInRecipe }
      : parsePartitionFile(await readSmallFile(part, LARGEST_PARTITION_FILE_BYTES), part);
  const [disk, ...moreDisks] = planDisks(disks, label, architecture, refuse);
  if (!disk) return refuse([], "there is no disk");
  for (const one of [disk, ...moreDisks]) refuseUnmade(one);
  if (!bootPlace(disk).volume.isBare)
    refuse([0], "the boot loader reads no volume group", "add a partition of 512M that is mounted at /boot, of ext4");
  return { disk, ...(moreDisks.length > 0 ? { moreDisks } : {}) };
}

/** The sizes as volumes of a group, and /boot, from which the boot loader reads. */
function groupDisk({ rootsize, swapsize, optsize }: Recipe): DiskRequest {
  const ext4 = { fs: "ext4", options: [] } as const;
  const volumes = [
    { name: "swap", fs: "swap", options: [], sizeBytes: swapsize } as const,
    { name: "opt", ...ext4, mount: "/opt", sizeBytes: optsize },
    { name: "root", ...ext4, mount: "/", sizeBytes: rootsize },
  ].filter(({ name, sizeBytes }) => name === "root" || sizeBytes !== 0);
  const lvm = { group: "vg", volumes };
  return {
    partitions: [
      { sizeBytes: BOOT_BYTES, volume: { ...ext4, mount: "/boot" } },
      { sizeBytes: smallestBytes({ lvm }), lvm },
    ],
  };
}

/** The model knows more than what is made. */
function refuseUnmade({ partitions }: DiskPlan): void {
  for (const content of partitions.map(contentOf)) {
    const other = volumesOf(content).find(({ fs }) => fs !== "ext4" && fs !== "swap")?.fs;
    const what = content.luks ? "luks" : other;
    if (what !== undefined)
      throw new VmbuilderError("storage-impossible", `${what} cannot be made yet`, { hint: "use ext4 and swap" });
  }
}
