import { AsyncQueue } from "../../../core/async-queue.ts";
import { type BuildContext, runStep } from "../../../core/context.ts";
import type { PackageRef } from "../../../model/package.ts";
import { openDownloader } from "../../../system/download.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { openArrivals } from "./arrivals.ts";
import { configureReporter } from "./configure.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { FETCH_CONNECTIONS, fetchPackages, packagePath } from "./fetch.ts";
import { type InstallationOrder, regroup, sortPackages } from "./installation-order.ts";
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
  /** Each is unpacked when the one before is configured; at least one, any may be empty. */
  readonly groups: readonly AsyncQueue<OpenedDeb>[];
  readonly kernels: AsyncQueue<OpenedDeb>;
  /** Names of the required packages that must be configured before a kernel is unpacked. */
  readonly kernelNeeds: readonly string[];
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
    kernelNeeds: order.kernelNeeds.map(({ name }) => name),
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
  const stages = [
    { queues: [flow.required], refs: order.required },
    { queues: flow.groups, refs: order.groups.flat() },
    { queues: [flow.kernels], refs: order.kernels },
  ].map((stage) => ({ ...stage, left: stage.refs.length }));
  const later = new Map<PackageRef, OpenedDeb>();
  const groupOf = new Map(order.groups.flatMap((refs, i) => refs.map((ref) => [ref, i] as const)));
  const stageOf = new Map(stages.flatMap((stage) => stage.refs.map((ref) => [ref, stage] as const)));
  const close = ({ queues }: { queues: readonly AsyncQueue<OpenedDeb>[] }) => {
    for (const queue of queues) queue.close();
  };
  for (const stage of stages) if (stage.left === 0) close(stage);
  const fail = (error: unknown) => {
    for (const { queues } of stages) for (const queue of queues) queue.fail(error);
  };
  const arrivals = openArrivals((ref) => packagePath(context, ref), context.signal, {
    opened(ref, deb) {
      const stage = stageOf.get(ref);
      if (groupOf.get(ref)) later.set(ref, deb);
      else stage?.queues[0]?.push(deb);
      if (!stage || --stage.left > 0) return;
      if (stage.queues === flow.groups) {
        const regrouped = regroup(order, (one) => later.get(one)?.files.has("preinst") ?? true);
        for (const [one, opened] of later) flow.groups[regrouped.get(one) ?? 0]?.push(opened);
      }
      close(stage);
    },
    failed: fail,
  });
  const downloader = openDownloader(FETCH_CONNECTIONS, installation.proxy);
  try {
    await runStep(context, "install/download", "Download packages", () =>
      fetchPackages([...stageOf.keys()], downloader, context, arrivals.add),
    );
  } catch (error) {
    fail(error);
    throw error;
  } finally {
    downloader.close();
  }
}
