import { AsyncQueue } from "../../../core/async-queue.ts";
import { type BuildContext, runStep } from "../../../core/context.ts";
import { dependencyClosure, dependentsClosure } from "../../../model/dependency.ts";
import type { PackageRef } from "../../../model/package.ts";
import { openDownloader } from "../../../system/download.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { openArrivals } from "./arrivals.ts";
import { configureReporter } from "./configure.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { FETCH_CONNECTIONS, fetchPackages, packagePath } from "./fetch.ts";
import { unpackAndConfigure } from "./unpack-and-configure.ts";

/** What to install where. */
export interface Installation {
  readonly tree: string;
  readonly packages: readonly PackageRef[];
  /** What scripts need to run at all, when the tree is empty; with its dependencies it is installed first. */
  readonly isRequired: (ref: PackageRef) => boolean;
  /** Kernel images: the largest packages and the last to be needed, so that they come last. */
  readonly isKernel: (ref: PackageRef) => boolean;
  /** Files that come before the first package, and files that must stand before any script runs. */
  readonly skeleton: readonly TarItem[];
  readonly settings: readonly TarItem[];
  /** Lines for debconf-set-selections(1). */
  readonly debconf: string;
  readonly proxy: string | undefined;
}

/** Packages on their way into the tree. */
export interface Flow {
  readonly installation: Installation;
  readonly context: BuildContext;
  readonly required: AsyncQueue<OpenedDeb>;
  readonly main: AsyncQueue<OpenedDeb>;
  readonly kernels: AsyncQueue<OpenedDeb>;
  readonly onUnpacked: () => void;
  readonly onConfigureLine: (line: string) => void;
}

/**
 * Installs packages into a tree: downloads, unpacks side by side and configures, all at once as far as the dependencies
 * allow. Packages without a preinst script are unpacked as they arrive; those with one wait until the required
 * packages are configured and their preinst has run, as dpkg has it.
 *
 * @throws download errors, package-malformed, script-failed, script-timeout
 */
export async function installPackages(installation: Installation, context: BuildContext): Promise<void> {
  const { packages } = installation;
  const required = dependencyClosure(packages.filter(installation.isRequired), packages);
  const stop = new AbortController();
  const inner: BuildContext = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  let unpackedCount = 0;
  const flow: Flow = {
    installation,
    context: inner,
    required: new AsyncQueue(),
    main: new AsyncQueue(),
    kernels: new AsyncQueue(),
    onUnpacked: () =>
      context.emit({
        type: "progress",
        step: "install/unpack",
        done: ++unpackedCount,
        total: packages.length,
        unit: "packages",
        atMs: Date.now(),
      }),
    onConfigureLine: configureReporter(context, packages.length),
  };
  try {
    await Promise.all([fetchInto(flow, required), unpackAndConfigure(flow)]);
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

/** Downloads in the order in which the packages are needed, and fills the queues as packages can be opened. */
async function fetchInto(flow: Flow, required: ReadonlySet<PackageRef>): Promise<void> {
  const { installation, context } = flow;
  const kernels = dependentsClosure(installation.packages.filter(installation.isKernel), installation.packages);
  const kindOf = (ref: PackageRef) => (required.has(ref) ? "required" : kernels.has(ref) ? "kernels" : "main");
  const kinds = Object.groupBy(
    [...installation.packages].sort((a, b) => b.sizeBytes - a.sizeBytes),
    kindOf,
  );
  const left = {
    required: kinds.required?.length ?? 0,
    main: kinds.main?.length ?? 0,
    kernels: kinds.kernels?.length ?? 0,
  };
  for (const kind of ["required", "main", "kernels"] as const) if (left[kind] === 0) flow[kind].close();
  const fail = (error: unknown) => {
    for (const queue of [flow.required, flow.main, flow.kernels]) queue.fail(error);
  };
  const arrivals = openArrivals((ref) => packagePath(context, ref), context.signal, {
    opened(ref, deb) {
      const kind = kindOf(ref);
      flow[kind].push(deb);
      if (--left[kind] === 0) flow[kind].close();
    },
    failed: fail,
  });
  const downloader = openDownloader(FETCH_CONNECTIONS, installation.proxy);
  const inOrder = [...(kinds.required ?? []), ...(kinds.main ?? []), ...(kinds.kernels ?? [])];
  try {
    await runStep(context, "install/download", "Download packages", () =>
      fetchPackages(inOrder, downloader, context, arrivals.add),
    );
  } catch (error) {
    fail(error);
    throw error;
  } finally {
    downloader.close();
  }
}
