import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitObject, findObject, objectFile, verifyObject } from "../../../core/cache.ts";
import { type BuildContext, logLine, runStep } from "../../../core/context.ts";
import { stepKey } from "../../../core/step-key.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { type Lock, type PackageRef, type ReleaseRef, sourceIdentity } from "../../../model/package.ts";
import type { LocalDeb, PackageRequest, Plan } from "../../../model/plan.ts";
import { type DownloadOptions, openDownloader } from "../../../system/download.ts";
import type { ArchiveOptions, ResolvedSources } from "./archive.ts";
import { updateIndex } from "./index-update.ts";
import { readPackageLists, releaseLists } from "./package-lists.ts";
import { refuseOlderReleases, rememberReleases } from "./release-memory.ts";
import { type LocalPackages, solvePackages } from "./solve.ts";
import { expandTasks } from "./tasks.ts";

const INDEX_VERSION = 1;
const LOCK_VERSION = 4;

/** Finds a distribution's archive for a plan. */
export type FindSources = (plan: Plan, options: ArchiveOptions, nowMs: number) => Promise<ResolvedSources>;

/**
 * Chooses the exact packages. The releases are always fetched, so that a new one is never missed; what follows from the
 * very same releases comes from the cache.
 *
 * @throws mirror, release and package errors
 */
export async function resolvePackages(
  plan: Plan,
  findSources: FindSources,
  context: BuildContext,
  onSolving = () => {},
): Promise<Lock> {
  try {
    return await resolveOnce(plan, findSources, context, onSolving);
  } catch (error) {
    if (!(error instanceof VmbuilderError) || (error.code !== "mirror-changed" && error.code !== "index-corrupt"))
      throw error;
    logLine(context, "resolve", "warning", `${error.message}; trying once more`);
    return resolveOnce(plan, findSources, context, onSolving);
  }
}

async function resolveOnce(
  plan: Plan,
  findSources: FindSources,
  context: BuildContext,
  onSolving: () => void,
): Promise<Lock> {
  const found = await runStep(context, "resolve/releases", "Look for updates", () =>
    findReleases(plan, findSources, context),
  );
  const debs = plan.extras?.debs ?? [];
  const indexKey = stepKey("index", INDEX_VERSION, {
    sources: found.sources,
    releases: found.releases.map(({ sha256 }) => sha256),
    architecture: plan.architecture,
  });
  const lockKey = stepKey("lock", LOCK_VERSION, {
    indexKey,
    packages: plan.packages,
    guestSources: found.guestSources.map(sourceIdentity),
    ...(debs.length > 0 ? { debs: debs.map(({ sha256, isAsked }) => ({ sha256, isAsked })) } : {}),
  });
  const cached = await findObject(context.cache, "lock", lockKey);
  if (cached && (await verifyObject(context.cache, cached, context.signal))) {
    context.emit({
      type: "cached",
      step: "resolve/packages",
      title: "Choose packages",
      key: lockKey,
      atMs: Date.now(),
    });
    await rememberReleases(context.cache.directory, found.releases);
    const lock = JSON.parse(await readFile(objectFile(cached, "lock.json"), "utf8")) as Lock;
    return withPlaces({ ...lock, releases: releaseRefs(found) }, plan, found);
  }
  const { releases, sources, guestSources } = found;
  onSolving();
  const apt = await runStep(context, "resolve/index", "Update package lists", () =>
    updateIndex(indexKey, sources, releases, plan.architecture, plan.recipe.proxy, context),
  );
  await rememberReleases(context.cache.directory, releases);
  return runStep(context, "resolve/packages", "Choose packages", async () => {
    const local = debs.length > 0 ? await indexLocalDebs(debs, context) : undefined;
    const lists = await readPackageLists(apt.lists);
    const request = expandTasks(plan.packages, lists);
    const packages = await solvePackages(apt, lists, request, context.signal, local);
    releaseLists(lists);
    const lock: Lock = { packages, manual: manualPackages(request, packages), sources: guestSources };
    await commitObject(context.cache, "lock", lockKey, plan.suite, async (directory) => {
      await writeFile(join(directory, "lock.json"), JSON.stringify(lock));
      return null;
    });
    return withPlaces({ ...lock, releases: releaseRefs(found) }, plan, found);
  });
}

function releaseRefs({ releases }: ResolvedSources): ReleaseRef[] {
  return releases.map(({ url, sha256, dateMs }) => ({ url, sha256, dateMs }));
}

/** What lies on this host may have moved since an answer was kept. */
async function withPlaces(lock: Lock, { extras }: Plan, { media }: ResolvedSources): Promise<Lock> {
  if (!extras) return lock;
  const [{ withLocalAddresses }, { withMediaAddresses }] = await Promise.all([
    import("./local-debs.ts"),
    import("./media.ts"),
  ]);
  const moved = withLocalAddresses(lock, extras.debs);
  return media ? withMediaAddresses(moved, media) : moved;
}

async function indexLocalDebs(debs: readonly LocalDeb[], context: BuildContext): Promise<LocalPackages> {
  const { writeLocalIndex } = await import("./local-debs.ts");
  return { debs, index: await writeLocalIndex(debs, join(context.workDirectory, "debs")) };
}

async function findReleases(plan: Plan, findSources: FindSources, context: BuildContext): Promise<ResolvedSources> {
  const downloader = openDownloader(4, plan.recipe.proxy);
  try {
    const found = await findAll(plan, findSources, { downloader, signal: context.signal }, context);
    await refuseOlderReleases(context.cache.directory, found.releases);
    return found;
  } finally {
    downloader.close();
  }
}

/** The archive, and what the recipe adds to it. */
async function findAll(
  plan: Plan,
  findSources: FindSources,
  options: DownloadOptions,
  context: BuildContext,
): Promise<ResolvedSources> {
  if (!plan.extras) return findSources(plan, options, Date.now());
  const [{ findRepositories }, { archiveOnMedia }] = await Promise.all([
    import("./repositories.ts"),
    import("./media.ts"),
  ]);
  const { media } = plan.extras;
  const archiveOptions = media ? { ...options, media: archiveOnMedia(media, plan.architecture, context) } : options;
  const [archive, further] = await Promise.all([
    findSources(plan, archiveOptions, Date.now()),
    findRepositories(plan.extras.repositories, plan.suite, context.cache.directory, options, Date.now()),
  ]);
  return {
    ...archive,
    sources: [...archive.sources, ...further.sources],
    guestSources: [...archive.guestSources, ...further.guestSources],
    releases: [...archive.releases, ...further.releases],
  };
}

function manualPackages(request: PackageRequest, packages: readonly PackageRef[]): string[] {
  const priorities = new Set(request.priorities);
  const asked = new Set([...request.include, ...(request.optional ?? [])]);
  return packages
    .filter(({ name, priority, essential }) => essential || priorities.has(priority) || asked.has(name))
    .map(({ name }) => name);
}
