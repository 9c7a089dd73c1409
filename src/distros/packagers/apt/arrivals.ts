import type { PackageRef } from "../../../model/package.ts";
import { type OpenedDeb, readControlArchives } from "./control-archive.ts";

/** Takes packages as their files arrive, and hands them on opened. */
export interface Arrivals {
  add(ref: PackageRef): void;
}

/**
 * Opens packages in the background: all that arrived while one batch was read make up the next batch, so that the number
 * of started decompressors follows the speed of the network by itself.
 */
export function openArrivals(
  pathOf: (ref: PackageRef) => string,
  signal: AbortSignal,
  on: { opened(ref: PackageRef, deb: OpenedDeb): void; failed(error: unknown): void },
): Arrivals {
  let waiting: PackageRef[] = [];
  let reading = false;
  const read = async () => {
    reading = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const debs = new Map((await readControlArchives(batch.map(pathOf), signal)).map((deb) => [deb.path, deb]));
      for (const ref of batch) {
        const deb = debs.get(pathOf(ref));
        if (deb) on.opened(ref, deb);
      }
    }
    reading = false;
  };
  return {
    add(ref) {
      waiting.push(ref);
      if (!reading) read().catch(on.failed);
    },
  };
}
