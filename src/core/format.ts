import type { ImageDriver } from "../system/foreign-image.ts";
import type { BaseImage } from "../system/qcow2-base.ts";

/** An image to convert: the machine's qcow2, which may have a backing file, or one from elsewhere. */
export interface ConversionSource {
  readonly path: string;
  readonly format: ImageDriver;
}

/** A disk format: one file each under `formats/`. */
export interface Format {
  readonly name: string;
  readonly title: string;
  /** What follows the machine's name in the name of its file, such as `.vmdk`. */
  readonly suffix: string;
  /** Names of the further files that belong to a disk of this name. */
  companions?(name: string): string[];
  /**
   * Converts into a file of its own; companions stand beside it. Sparse stays sparse.
   *
   * @param uuid the disk's, where the format has a place for it
   */
  convert(source: ConversionSource, target: string, uuid: string, signal: AbortSignal): Promise<void>;
  /**
   * Likewise from a base and the overlay over it, where reading the base once is enough to verify it, too.
   *
   * @returns SHA-256 of the file
   * @throws cache-corrupt when the base is damaged
   */
  merge?(base: BaseImage, overlay: string, target: string, signal: AbortSignal): Promise<string>;
}
