import { AsyncQueue } from "../../../core/async-queue.ts";
import { type BuildContext, runStep } from "../../../core/context.ts";
import { dependencyClosure } from "../../../model/dependency.ts";
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
  readonly rest: AsyncQueue<OpenedDeb>;
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
    rest: new AsyncQueue(),
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

/** Downloads, the required packages first, and fills the two queues as packages can be opened. */
async function fetchInto(flow: Flow, required: ReadonlySet<PackageRef>): Promise<void> {
  const { installation, context } = flow;
  const rest = installation.packages.filter((ref) => !required.has(ref)).sort((a, b) => b.sizeBytes - a.sizeBytes);
  const left = { required: required.size, rest: rest.length };
  const fail = (error: unknown) => {
    flow.required.fail(error);
    flow.rest.fail(error);
  };
  if (left.required === 0) flow.required.close();
  if (left.rest === 0) flow.rest.close();
  const arrivals = openArrivals((ref) => packagePath(context, ref), context.signal, {
    opened(ref, deb) {
      const kind = required.has(ref) ? "required" : "rest";
      flow[kind].push(deb);
      if (--left[kind] === 0) flow[kind].close();
    },
    failed: fail,
  });
  const downloader = openDownloader(FETCH_CONNECTIONS, installation.proxy);
  try {
    await runStep(context, "install/download", "Download packages", () =>
      fetchPackages([...required, ...rest], downloader, context, arrivals.add),
    );
  } catch (error) {
    fail(error);
    throw error;
  } finally {
    downloader.close();
  }
}
