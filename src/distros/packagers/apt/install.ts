import { AsyncQueue } from "../../../core/async-queue.ts";
import { type BuildContext, runStep } from "../../../core/context.ts";
import type { PackageRef } from "../../../model/package.ts";
import { openDownloader } from "../../../system/download.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { openArrivals } from "./arrivals.ts";
import { configureReporter } from "./configure.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { FETCH_CONNECTIONS, fetchPackages, packagePath } from "./fetch.ts";
import { type InstallationOrder, sortPackages } from "./installation-order.ts";
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
  /** Each is unpacked when the one before is configured; at least one. */
  readonly groups: readonly AsyncQueue<OpenedDeb>[];
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
  const order = sortPackages(packages, installation);
  const stop = new AbortController();
  const inner: BuildContext = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  let unpackedCount = 0;
  const flow: Flow = {
    installation,
    context: inner,
    required: new AsyncQueue(),
    groups: order.groups.map(() => new AsyncQueue()),
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
    await Promise.all([fetchInto(flow, order), unpackAndConfigure(flow)]);
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

/** Downloads in the order in which the packages are needed, and fills the queues as packages can be opened. */
async function fetchInto(flow: Flow, order: InstallationOrder): Promise<void> {
  const { installation, context } = flow;
  const queues = [
    { queue: flow.required, refs: order.required },
    ...flow.groups.map((queue, i) => ({ queue, refs: order.groups[i] ?? [] })),
    { queue: flow.kernels, refs: order.kernels },
  ].map(({ queue, refs }) => ({ queue, refs, left: refs.length }));
  const queueOf = new Map(queues.flatMap((one) => one.refs.map((ref) => [ref, one] as const)));
  for (const { queue, left } of queues) if (left === 0) queue.close();
  const fail = (error: unknown) => {
    for (const { queue } of queues) queue.fail(error);
  };
  const arrivals = openArrivals((ref) => packagePath(context, ref), context.signal, {
    opened(ref, deb) {
      const one = queueOf.get(ref);
      one?.queue.push(deb);
      if (one && --one.left === 0) one.queue.close();
    },
    failed: fail,
  });
  const downloader = openDownloader(FETCH_CONNECTIONS, installation.proxy);
  try {
    await runStep(context, "install/download", "Download packages", () =>
      fetchPackages([...queueOf.keys()], downloader, context, arrivals.add),
    );
  } catch (error) {
    fail(error);
    throw error;
  } finally {
    downloader.close();
  }
}
