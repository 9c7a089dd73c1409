import type { Architecture } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import { parsePartitionFile } from "../model/partition-file.ts";
import { bootPlace } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { type Recipe, recipeSchema } from "../model/recipe.ts";
import { MIB } from "../model/size.ts";
import { contentOf, type DiskPlan, planDisks, planStorage } from "../model/storage-plan.ts";
import { type DiskRequest, type Refuse, smallestBytes } from "../model/storage-request.ts";
import { readSmallFile } from "../system/files.ts";

const LARGEST_PARTITION_FILE_BYTES = 64 * 1024;
const BOOT_BYTES = 512 * MIB;
/** Name of the encrypted container of the simple layout. */
const CONTAINER = "vmcrypt";
const SIZES = ["rootsize", "swapsize", "optsize"] as const;

/**
 * Lays out a machine's disks: by the sizes, with a volume group, encrypted, or plain, by a partition file, or by the recipe's own list.
 *
 * @throws storage-impossible with the place, file-unreadable, recipe-invalid
 */
export async function layOutDisks(
  recipe: Recipe,
  architecture: Architecture,
): Promise<Pick<Plan, "disk" | "moreDisks">> {
  const { label, part, disks: list, lvm, fs } = recipe;
  if (part === undefined && list === undefined && !needsBoot(recipe)) {
    const { rootsize: rootSizeBytes, swapsize: swapSizeBytes, optsize: optSizeBytes } = recipe;
    return { disk: planStorage({ rootSizeBytes, swapSizeBytes, optSizeBytes, label, architecture }) };
  }
  if (part === undefined && list === undefined) {
    const refuseSizes: Refuse = (_path, message, hint) => {
      throw new VmbuilderError("storage-impossible", message, hint === undefined ? {} : { hint });
    };
    const [disk] = planDisks(disksBySizes(recipe), label, architecture, refuseSizes);
    return disk ? { disk } : refuseSizes([], "there is no disk");
  }
  const [key, other] = part === undefined ? ["disks", undefined] : ["part", list && "disks"];
  const vain =
    other ??
    (lvm ? "lvm" : undefined) ??
    (fs === "ext4" ? undefined : "fs") ??
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
  checkContents([disk, ...moreDisks], recipe, refuse);
  return { disk, ...(moreDisks.length > 0 ? { moreDisks } : {}) };
}

/** What the boot loader can't read: then /boot stands apart. */
function needsBoot({ fs, lvm, "luks-pass": passphrase }: Recipe): boolean {
  return fs !== "ext4" || lvm || passphrase !== undefined;
}

/**
 * The sizes as partitions or as volumes of a group, which may be encrypted, and /boot, from which the boot loader reads. One
 * container holds all that is encrypted, so that there is one passphrase to be asked for.
 */
function disksBySizes({
  fs,
  rootsize,
  swapsize,
  optsize,
  lvm: wantsGroup,
  "luks-pass": passphrase,
}: Recipe): DiskRequest[] {
  const of = { fs, options: [] };
  const volumes = [
    { name: "swap", fs: "swap", options: [], sizeBytes: swapsize } as const,
    { name: "opt", ...of, mount: "/opt", sizeBytes: optsize },
    { name: "root", ...of, mount: "/", sizeBytes: rootsize },
  ].filter(({ name, sizeBytes }) => name === "root" || sizeBytes !== 0);
  const boot = { sizeBytes: BOOT_BYTES, volume: { fs: "ext4", mount: "/boot", options: [] } } as const;
  if (!wantsGroup && passphrase === undefined)
    return [{ partitions: [boot, ...volumes.map(({ sizeBytes, name, ...volume }) => ({ sizeBytes, volume }))] }];
  const lvm = { group: "vg", volumes };
  const content = passphrase === undefined ? { lvm } : { lvm, luks: { name: CONTAINER } };
  return [{ partitions: [boot, { sizeBytes: smallestBytes(content), ...content }] }];
}

/** Refuses what has no way to be asked for, or to be booted from. */
function checkContents(disks: readonly DiskPlan[], recipe: Recipe, refuse: Refuse): void {
  const contents = disks.flatMap(({ partitions }) => partitions.map(contentOf));
  const container = contents.find(({ luks }) => luks)?.luks;
  if (container && recipe["luks-pass"] === undefined)
    refuse([], `the container ${container.name} has no passphrase`, "give --luks-pass-file FILE");
  if (!container && recipe["luks-pass"] !== undefined)
    refuse([], "a passphrase is given, but nothing is encrypted", "add luks: {name: NAME} to a partition");
  const [first] = disks;
  if (!first) return;
  const { volume, isBare } = bootPlace(first).volume;
  if (isBare && volume.fs === "ext4") return;
  const what = isBare ? volume.fs : "volume group or encrypted container";
  refuse([0], `the boot loader reads no ${what}`, "add a partition of 512M that is mounted at /boot, of ext4");
}
