/** A disk format: one file each under `formats/`. */
export interface Format {
  readonly name: string;
  readonly title: string;
  /** File name extension without the dot. */
  readonly extension: string;
  /** Converts a qcow2, which may have a backing file, into a file of its own. */
  convert(source: string, target: string, signal: AbortSignal): Promise<void>;
}
