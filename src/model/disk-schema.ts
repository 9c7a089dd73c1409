import * as z from "zod";
import { list, size } from "./schema-parts.ts";
import { planDisks } from "./storage-plan.ts";
import { type DiskRequest, FILE_SYSTEMS, type LayoutPath, type PartitionRequest } from "./storage-request.ts";

const text = z.string().max(255);
const options = list(text).default([]);
const volumeShape = {
  size: size.optional(),
  fs: z.enum(FILE_SYSTEMS).default("ext4"),
  mount: text.optional(),
  options,
  subvolumes: z.array(z.strictObject({ name: text, mount: text, options })).optional(),
};
const partitionSchema = z
  .strictObject({
    ...volumeShape,
    lvm: z
      .strictObject({ group: text, volumes: z.array(z.strictObject({ name: text, ...volumeShape })).max(64) })
      .optional(),
    luks: z.strictObject({ name: text }).optional(),
  })
  .transform(({ size: sizeBytes, lvm, luks, ...volume }): PartitionRequest => {
    const group = lvm && {
      group: lvm.group,
      volumes: lvm.volumes.map(({ size: bytes, ...one }) => ({ ...one, sizeBytes: bytes })),
    };
    const isVolume = !lvm || volume.mount !== undefined || volume.subvolumes !== undefined;
    return { sizeBytes, ...(isVolume && { volume }), ...(group && { lvm: group }), ...(luks && { luks }) };
  });

/** What a refused layout throws, to be told with its place in the recipe. */
class LayoutMistake extends Error {
  readonly path: LayoutPath;

  constructor(path: LayoutPath, message: string) {
    super(message);
    this.path = path;
  }
}

/** The disks of a recipe: sizes with units, file systems, mount points. What cannot be is refused at its place. */
export const disksSchema = z
  .array(
    z
      .strictObject({ size: size.optional(), partitions: z.array(partitionSchema) })
      .transform(({ size: sizeBytes, partitions }): DiskRequest => ({ sizeBytes, partitions })),
  )
  .superRefine((disks, context) => {
    try {
      planDisks(disks, "gpt", "amd64", (path, message, hint) => {
        throw new LayoutMistake(path, hint === undefined ? message : `${message}: ${hint}`);
      });
    } catch (error) {
      if (!(error instanceof LayoutMistake)) throw error;
      context.addIssue({ code: "custom", message: error.message, path: [...error.path] });
    }
  });
