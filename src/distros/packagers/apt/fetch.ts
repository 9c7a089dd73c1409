import { stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { BuildContext } from "../../../core/context.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { type PackageRef, packageId } from "../../../model/package.ts";
import { type Downloader, type DownloadOptions, download } from "../../../system/download.ts";
import { sha256File } from "../../../system/files.ts";

const CONNECTIONS = 6;
const PROGRESS_EVERY_MS = 100;

/** Number of connections that {@link fetchPackages} uses. */
export const FETCH_CONNECTIONS = CONNECTIONS;

/** Where a package lies in the cache. */
export function packagePath(context: Pick<BuildContext, "cache">, ref: PackageRef): string {
  return join(context.cache.packages, `${ref.sha256}.deb`);
}

/**
 * Fetches packages in the given order, several at once; what the cache holds is verified instead. `onArrival` is told of
 * each as soon as it is there and known to be right.
 *
 * @throws the errors of {@link download}
 */
export async function fetchPackages(
  refs: readonly PackageRef[],
  downloader: Downloader,
  context: BuildContext,
  onArrival: (ref: PackageRef) => void,
): Promise<void> {
  const progress = progressReporter(refs, context);
  const queue = [...refs];
  const failure = new AbortController();
  const signal = AbortSignal.any([context.signal, failure.signal]);
  const worker = async () => {
    for (let ref = queue.shift(); ref; ref = queue.shift()) {
      progress.item(ref.name);
      const path = packagePath(context, ref);
      if (await isCached(path, ref)) progress.add(ref.sizeBytes);
      else
        await downloadFromAny(ref, path, {
          downloader,
          signal,
          scratch: context.arrivalDirectory,
          sha256: ref.sha256,
          sizeBytes: ref.sizeBytes,
          onBytes: progress.add,
        });
      onArrival(ref);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  } catch (error) {
    failure.abort();
    throw error;
  }
  progress.flush();
}

/** Tries the other places of a package that its mirror has no more; wherever it is, its hash must be right. */
async function downloadFromAny(ref: PackageRef, path: string, options: DownloadOptions): Promise<void> {
  const [url, ...others] = [ref.url, ...(ref.alternatives ?? [])];
  for (const [index, place] of [url, ...others].entries()) {
    try {
      return await download(place, path, options);
    } catch (error) {
      const isGone = error instanceof VmbuilderError && error.code === "package-missing";
      if (!isGone || ref.alternatives === undefined) throw error;
      if (index < others.length) continue;
      const at = others.length > 0 ? `${url}, nor at a snapshot` : url;
      throw new VmbuilderError("package-missing", `${packageId(ref)} of the lock is no more at ${at}`, {
        hint: "give a mirror that keeps old packages with --snapshot URL, or choose new ones with --update-lock",
        cause: error,
      });
    }
  }
}

async function isCached(path: string, ref: PackageRef): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info?.size !== ref.sizeBytes || (await sha256File(path)) !== ref.sha256) return false;
  await utimes(path, new Date(), new Date()).catch(() => {}); // only the order of garbage collection depends on it
  return true;
}

function progressReporter(refs: readonly PackageRef[], context: BuildContext) {
  const total = refs.reduce((sum, ref) => sum + ref.sizeBytes, 0);
  let done = 0;
  let item = "";
  let last = 0;
  const flush = () => {
    last = performance.now();
    context.emit({ type: "progress", step: "install/download", done, total, unit: "bytes", item, atMs: Date.now() });
  };
  return {
    item(name: string) {
      item = name;
    },
    add(bytes: number) {
      done += bytes;
      if (performance.now() - last > PROGRESS_EVERY_MS) flush();
    },
    flush,
  };
}
