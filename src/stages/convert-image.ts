import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { runStep } from "../core/context.ts";
import type { ConversionSource, Format } from "../core/format.ts";
import { Slots } from "../core/slots.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { checkForeignImage, driverByName, type ImageDriver } from "../system/foreign-image.ts";
import { diskFile } from "./artifact.ts";
import { checkDestinationFiles, publishFiles, withFolderBeside } from "./destination.ts";
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
  const image = resolve(request.image);
  const directory = resolve(request.directory ?? dirname(image));
  const formats = request.formats.map(findFormat);
  if (request.driver === undefined && extname(image).toLowerCase() === ".ova")
    return convertOva(request, image, directory, formats);
  const driver = request.driver ?? driverByName(image);
  if (driver === undefined)
    throw new VmbuilderError("usage", `${request.image}: its name does not tell which format it has`, {
      hint: "give --input-format",
    });
  await checkForeignImage(image, driver);
  const results = formats.map((format) => planResult(format, directory, basename(image, extname(image)), 0));
  await checkResults(results, image, directory, request.overwrite);
  return convertDisk({ path: image, format: driver }, results, request);
}

/** An OVA's disks are copied out of it, each into a folder that lasts as long as its conversion. */
async function convertOva(request: ConversionRequest, image: string, directory: string, formats: readonly Format[]) {
  const { extractOvaDisk, readOva } = await import("../system/ova-archive.ts"); // rarely wanted
  const disks = await readOva(image);
  for (const disk of disks) await checkForeignImage(image, disk.driver, disk);
  const stem = basename(image, extname(image));
  const planned = disks.map((_, index) => formats.map((format) => planResult(format, directory, stem, index)));
  await checkResults(planned.flat(), image, directory, request.overwrite);
  const made: string[] = [];
  for (const [index, disk] of disks.entries())
    await withFolderBeside(join(directory, basename(image)), async (folder) => {
      const path = join(folder, `disk${extname(disk.name)}`);
      await runStep(request, "convert", `Take out ${disk.name}`, () =>
        extractOvaDisk(image, disk, path, request.signal),
      );
      await checkForeignImage(path, disk.driver);
      made.push(...(await convertDisk({ path, format: disk.driver }, planned[index] ?? [], request)));
    });
  return made;
}

interface PlannedResult {
  readonly format: Format;
  readonly target: string;
  /** The file itself, and its companions. */
  readonly names: readonly string[];
}

function planResult(format: Format, directory: string, stem: string, index: number): PlannedResult {
  const name = diskFile(stem, index, format.suffix);
  return { format, target: join(directory, name), names: [name, ...(format.companions?.(name) ?? [])] };
}

async function checkResults(
  results: readonly PlannedResult[],
  image: string,
  directory: string,
  overwrite: boolean,
): Promise<void> {
  for (const { target, names } of results) {
    if (target === image)
      throw new VmbuilderError("dest-exists", `${target} is the image itself`, { hint: "give another --dest" });
    await checkDestinationFiles(directory, names, overwrite);
  }
}

/** Formats are made side by side, as many as there are processors; when one fails, the others are stopped. */
async function convertDisk(
  source: ConversionSource,
  results: readonly PlannedResult[],
  request: ConversionRequest,
): Promise<string[]> {
  const stop = new AbortController();
  const context = { emit: request.emit, signal: AbortSignal.any([request.signal, stop.signal]) };
  const slots = new Slots(availableParallelism());
  const runs = results.map((result) => slots.run(() => convertOne(source, result, context)).catch(stopAll));
  await Promise.all(runs);
  context.signal.throwIfAborted();
  return results.flatMap(({ target, names }) => names.map((name) => join(dirname(target), name)));

  function stopAll(error: unknown): void {
    stop.abort(error);
  }
}

async function convertOne(
  source: ConversionSource,
  { format, target, names }: PlannedResult,
  context: Pick<ConversionRequest, "emit" | "signal">,
): Promise<void> {
  if (context.signal.aborted) return; // whatever has failed is told already
  await runStep(context, `convert/${format.name}`, `Convert to ${format.name}`, () =>
    publishFiles(target, names, (folder) =>
      format.convert(source, join(folder, basename(target)), crypto.randomUUID(), context.signal),
    ),
  );
}

/** Sizes of files, for a summary. */
export async function sizesOf(paths: readonly string[]): Promise<{ path: string; sizeBytes: number }[]> {
  return Promise.all(paths.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
}
