import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { runStep } from "../core/context.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { checkForeignImage, driverByName, type ImageDriver } from "../system/foreign-image.ts";
import { checkDestinationFiles, publishFiles } from "./destination.ts";
import { findFormat } from "./plan.ts";

/** What to convert, and into what. */
export interface ConversionRequest {
  readonly image: string;
  /** Undefined: as the image's name tells. */
  readonly driver: ImageDriver | undefined;
  readonly formats: readonly string[];
  /** Folder of the results; undefined is the image's own. */
  readonly directory: string | undefined;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/**
 * Converts an existing image. It may come from anywhere: its format is told by its name or the caller, never guessed from
 * its content, and what leads to other files is refused before any tool opens it.
 *
 * @returns paths of the files that were made
 * @throws usage, recipe-invalid, file-unreadable, image-refused, dest-exists
 */
export async function convertForeignImage(request: ConversionRequest): Promise<string[]> {
  const { signal, emit } = request;
  const image = resolve(request.image);
  const driver = request.driver ?? driverByName(image);
  if (driver === undefined)
    throw new VmbuilderError("usage", `${request.image}: its name does not tell which format it has`, {
      hint: "give --input-format",
    });
  const formats = request.formats.map(findFormat);
  await checkForeignImage(image, driver);
  const directory = resolve(request.directory ?? dirname(image));
  const stem = basename(image, extname(image));
  const results = formats.map((format) => {
    const name = `${stem}${format.suffix}`;
    return { format, name, target: join(directory, name), names: [name, ...(format.companions?.(name) ?? [])] };
  });
  for (const { target, names } of results) {
    if (target === image)
      throw new VmbuilderError("dest-exists", `${target} is the image itself`, { hint: "give another --dest" });
    await checkDestinationFiles(directory, names, request.overwrite);
  }
  for (const { format, name, target, names } of results) {
    await runStep({ emit, signal }, `convert/${format.name}`, `Convert to ${format.name}`, () =>
      publishFiles(target, names, (folder) =>
        format.convert({ path: image, format: driver }, join(folder, name), crypto.randomUUID(), signal),
      ),
    );
  }
  return results.flatMap(({ names }) => names.map((name) => join(directory, name)));
}

/** Sizes of files, for a summary. */
export async function sizesOf(paths: readonly string[]): Promise<{ path: string; sizeBytes: number }[]> {
  return Promise.all(paths.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
}
